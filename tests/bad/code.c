/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* What victim.c runs from a file that the tests corrupt. Needs no relocation. */
void mapped_code(unsigned long rounds);

void mapped_code(unsigned long rounds)
{
	for (volatile unsigned long i = 0; i < rounds; i++)
		;
}
