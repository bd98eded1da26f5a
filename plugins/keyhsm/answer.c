/* What comes back, into secret memory of a bounded size. */
#include "plugins/keyhsm/http_impl.h"

#include <string.h>
#include <strings.h>

enum { ANSWER_FIRST = 4 << 10 };

static kh_status grow(struct kh_http *http, size_t need)
{
    const struct kh_host *host = kh_http_host(http);
    struct kh_buf *answer = &http->exchange->answer;
    struct kh_buf larger = {0};
    size_t cap = answer->cap ? answer->cap : ANSWER_FIRST;
    curl_off_t told = 0;

    /* What the header says is enough, and more than one page of it is not copied twice.
     */
    if (answer->cap == 0 &&
        curl_easy_getinfo(http->curl, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &told) ==
            CURLE_OK &&
        told > 0 && told <= KH_ANSWER_MAX)
        cap = (size_t)told;
    while (cap < need)
        cap *= 2;
    if (host->buf_alloc(host, &larger, cap, &http->err) != KH_OK)
        return kh_fail(&http->err, KH_BUSY, "no secret memory is free for an answer");
    if (answer->len > 0)
        memcpy(larger.data, answer->data, answer->len);
    larger.len = answer->len;
    host->buf_free(host, answer);
    *answer = larger;
    return KH_OK;
}

size_t kh_http_take_answer(char *data, size_t one, size_t len, void *arg)
{
    struct kh_http *http = arg;
    struct kh_buf *answer = &http->exchange->answer;

    (void)one;
    if (len > KH_ANSWER_MAX - answer->len) {
        (void)kh_fail(&http->err, KH_UNAVAILABLE, "the answer is larger than %d bytes",
            KH_ANSWER_MAX);
        return 0;
    }
    if (answer->len + len > answer->cap && grow(http, answer->len + len) != KH_OK)
        return 0;
    if (len > 0)
        memcpy(answer->data + answer->len, data, len);
    answer->len += len;
    return len;
}

size_t kh_http_take_header(char *line, size_t one, size_t len, void *arg)
{
    static const char name[] = "Retry-After:";
    struct kh_http *http = arg;
    unsigned seconds = 0;

    (void)one;
    if (len <= strlen(name) || strncasecmp(line, name, strlen(name)) != 0)
        return len;
    for (size_t i = strlen(name); i < len && seconds < 100000; i++) {
        if (line[i] >= '0' && line[i] <= '9')
            seconds = seconds * 10 + (unsigned)(line[i] - '0');
    }
    http->exchange->retry_after = seconds;
    return len;
}
