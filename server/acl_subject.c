/*
 * The form of a certificate's subject that libcrypto prints with XN_FLAG_RFC2253: a rule
 * written in any other form would never fit, and a rule that denies would then be none.
 */
#include "server/acl_rule.h"

#include <string.h>

#define DIGITS "0123456789"
#define HEX DIGITS "ABCDEFabcdef"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

/* Moves *TEXT behind "CN=". */
static const char *type_fault(const char **text)
{
    const char *p = *text;
    size_t len = strspn(p, LETTERS DIGITS ".-");

    if (*p == ' ')
        return "there is a blank behind ','";
    if (*p == '/')
        return "it begins with '/'";
    if (len > 0 && p[len] == ' ')
        return "there is a blank in front of '='";
    if (len == 0 || p[len] != '=')
        return "a part of it is not TYPE=value";
    if (p[len + 1] == ' ')
        return "there is a blank behind '='";
    *text = p + len + 1;
    return NULL;
}

/* Moves *TEXT behind a backslash and what it escapes. */
static const char *escape_fault(const char **text)
{
    const char *p = *text + 1;

    if (*p && strchr(HEX, *p) && p[1] && strchr(HEX, p[1]))
        p += 2;
    else if (*p && strchr(",+\"\\<>;# ", *p))
        p += 1;
    else
        return "a '\\' escapes nothing";
    *text = p;
    return NULL;
}

/* Moves *TEXT to the ',' or '+' behind a value, or to the end. */
static const char *value_fault(const char **text)
{
    const char *p = *text;
    const char *fault = NULL;

    while (!fault && *p && *p != ',' && *p != '+') {
        if ((unsigned char)*p >= 0x80)
            return "it holds bytes that are not ASCII, which are written \\XX";
        if ((unsigned char)*p < 0x20 || *p == 0x7f || strchr("\"<>;", *p))
            return "a character that RFC 2253 writes with '\\' stands without it";
        if (*p == '\\')
            fault = escape_fault(&p);
        else
            p++;
    }
    if (!fault && p > *text && p[-1] == ' ' && !(p - 1 > *text && p[-2] == '\\'))
        return "there is a blank in front of ','";
    *text = p;
    return fault;
}

const char *kh_subject_fault(const char *text)
{
    const char *fault;

    for (;;) {
        fault = type_fault(&text);
        if (!fault)
            fault = value_fault(&text);
        if (fault || !*text)
            return fault;
        text++;
    }
}
