/* What cmake/EmbedPage.cmake makes of server/page at build. Static storage. */
#ifndef KH_SERVER_PAGE_DATA_H
#define KH_SERVER_PAGE_DATA_H

#include <stddef.h>

/* The status page, and the value of its Content-Security-Policy. */
extern const char kh_page_html[];
extern const size_t kh_page_html_len; /* without the NUL */
extern const char kh_page_policy[];

/* What a browser is shown with 401 and with 403; "@WHO@" stands where the caller's name
 * goes. */
extern const char kh_page_401[];
extern const char kh_page_403[];
extern const char kh_page_refusal_policy[];

#endif
