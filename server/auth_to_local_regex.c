/*
 * What regular expressions a rule may have. regcomp would take more: repetitions that
 * multiply to gigabytes, and back references, which are searched for in exponential time.
 * The rules come from the operator, but often out of a file that somebody else wrote.
 */
#include "server/auth_to_local_rule.h"

#include <stdlib.h>
#include <string.h>

enum { REGEX_MAX = 256, REPEAT_MAX = 256 };

/* P is behind a backslash. */
static const char *escape_fault(int c)
{
    if (c == '\0')
        return "it ends in a '\\'";
    if (c >= '1' && c <= '9')
        return "back references are not taken";
    if (strchr(".[]{}()*+?|^$\\/-@_:;,&=~#!%'\" ", c))
        return NULL;
    return "a '\\' stands in front of a letter: Java's classes are not taken, write "
           "[0-9], [A-Za-z0-9_] or [[:space:]]";
}

/* Moves *P behind the ']' of the bracket expression it stands at. */
static const char *skip_bracket(const char **p, const char *end)
{
    const char *q = *p + 1;

    if (q < end && *q == '^')
        q++;
    if (q < end && *q == ']')
        q++;
    while (q < end && *q != ']') {
        if (*q == '[' && q + 1 < end && strchr(":.=", q[1])) {
            const char *close = memchr(q + 2, ']', (size_t)(end - q - 2));

            if (!close)
                break;
            q = close;
        }
        q++;
    }
    if (q >= end)
        return "a '[' is not closed";
    *p = q + 1;
    return NULL;
}

/* Moves *P behind the '}' of the repetition it stands at; *TIMES is multiplied. */
static const char *skip_interval(const char **p, const char *end, unsigned long *times)
{
    const char *q = *p + 1;
    unsigned long most = 0;

    for (; q < end && *q != '}'; q++) {
        if (*q == ',')
            most = most > 0 ? most : 1;
        else if (*q < '0' || *q > '9')
            return "a '{' begins no repetition; write \\{";
    }
    if (q >= end)
        return "a '{' is not closed";
    for (const char *d = *p + 1; d < q;) {
        unsigned long n = strtoul(d, NULL, 10);

        most = n > most ? n : most;
        d += strspn(d, "0123456789");
        d += *d == ',';
    }
    *times = most > REPEAT_MAX ? REPEAT_MAX + 1UL : *times * (most > 0 ? most : 1);
    *p = q + 1;
    return *times > REPEAT_MAX ? "its repetitions multiply to more than 256" : NULL;
}

const char *kh_local_regex_fault(const char *text, size_t len)
{
    const char *p = text;
    const char *end = text + len;
    const char *fault = NULL;
    unsigned long times = 1;
    bool repeated = false; /* what stands before P is a repetition */

    if (len == 0)
        return "it is empty";
    if (len > REGEX_MAX)
        return "it is longer than 256 bytes";
    while (!fault && p < end) {
        char c = *p;
        bool again = c == '*' || c == '+' || c == '?' || c == '{';

        if (again && repeated)
            return "two repetitions stand side by side: Java's reluctant and possessive "
                   "ones are not taken";
        if (c == '(' && p + 1 < end && p[1] == '?')
            return "Java's groups (?...) are not taken";
        repeated = again;
        if (c == '\\') {
            fault = escape_fault(p + 1 < end ? p[1] : '\0');
            p += 2;
        } else if (c == '[') {
            fault = skip_bracket(&p, end);
        } else if (c == '{') {
            fault = skip_interval(&p, end, &times);
        } else {
            p++;
        }
    }
    return fault;
}
