/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* assets.c: the page's script and style, report.js and report.css. */
#ifndef REPORT_ASSETS_H
#define REPORT_ASSETS_H

extern const char report_js[], report_css[];

#endif /* REPORT_ASSETS_H */
