# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
# The man pages: docs/NAME.SECTION.scd, written in scdoc. Without scdoc there are none, and make says so.
SCDOC     ?= scdoc
MAN_PAGES := $(patsubst docs/%.scd,$(B)/man/%,$(wildcard docs/*.scd))

ifneq ($(shell command -v $(SCDOC)),)
ALL += $(MAN_PAGES)
else
$(info scdoc is not installed: no man pages (apt-get install scdoc))
endif

# scdoc stamps the page with today's date, or the one given: the same source makes the same page.
$(B)/man/%: docs/%.scd
	@mkdir -p $(@D)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct -- $< 2>/dev/null | grep . || stat -c %Y $<) \
		$(SCDOC) < $< > $@.tmp && mv $@.tmp $@
