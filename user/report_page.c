// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* The report as one page that needs nothing else: the same parts as the text's, the threads over time,
 * the flame graph. */
#include <errno.h>
#include <string.h>
#include "report_part.h"
#include "report/assets.h"
#include "summary_part.h"
#include "text.h"

#define ROWS 500 /* of a table, unless all are wanted */

static void put_head(struct screen *s, const struct profile *p)
{
	char name[256];

	/* It loads nothing, whatever a name in it says. The frame is the flame graph's. */
	fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
	      "style-src 'unsafe-inline'; script-src 'unsafe-inline'; frame-src data:\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
	      "<meta name=\"color-scheme\" content=\"light dark\">\n<title>",
	      s->f);
	page_text(s, text_name(p->target, name, sizeof(name)));
	fputs(" - infbpf report</title>\n<style>\n", s->f);
	fputs(report_css, s->f);
	fputs("</style>\n</head>\n<body>\n<header>\n<h1>infbpf report</h1>\n", s->f);
	summary_head(s, p, true);
	fputs("</header>\n<nav aria-label=\"Sections\"></nav>\n<main>\n", s->f);
}

static void put_foot(struct screen *s)
{
	fprintf(s->f,
		"</main>\n<footer><p>infbpf %s. The script and the style are GPL-2.0-only OR "
		"BSD-2-Clause.</p></footer>\n<script>\n",
		INFBPF_VERSION);
	fputs(report_js, s->f);
	fputs("</script>\n</body>\n</html>\n", s->f);
}

int report_page_write(const struct profile *p, const struct report_options *o, FILE *f,
		      struct fault *fault)
{
	struct screen s = {
		.f = f,
		.columns = SCREEN_PAGE,
		.page = true,
		.rows_max = o->wide ? 0 : ROWS,
	};
	int err;

	errno = 0;
	put_head(&s, p);
	err = report_first(&s, p, o);
	if (!err) {
		report_strips(&s, p);
		err = report_flame(&s, p, o->folded, fault);
	}
	if (!err)
		err = report_details(&s, p, o);
	put_foot(&s);
	if (!err && (fflush(f) || ferror(f)))
		err = errno ? -errno : -EIO;
	return err;
}
