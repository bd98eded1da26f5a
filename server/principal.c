#include "server/principal.h"

#include "core/deposit.h"

#include <string.h>

bool kh_principal_known(const struct kh_principal *who)
{
    return *who->fingerprint || *who->subject || *who->krb5 || *who->user;
}

const char *kh_principal_name(const struct kh_principal *who)
{
    if (*who->krb5)
        return who->krb5;
    if (who->auth == KH_AUTH_SIMPLE || who->auth == KH_AUTH_TOKEN)
        return *who->real_user ? who->real_user : who->user;
    if (*who->subject)
        return who->subject;
    return *who->real_user ? who->real_user : who->user;
}

const char *kh_auth_name(kh_auth auth)
{
    switch (auth) {
    case KH_AUTH_NONE:
        return "none";
    case KH_AUTH_CERTIFICATE:
        return "certificate";
    case KH_AUTH_KERBEROS:
        return "kerberos";
    case KH_AUTH_SIMPLE:
        return "simple";
    case KH_AUTH_TOKEN:
        return "token";
    }
    return "none";
}

bool kh_user_valid(const char *name)
{
    size_t len = strnlen(name, sizeof((struct kh_principal *)0)->user);

    if (len == 0 || len == sizeof((struct kh_principal *)0)->user)
        return false;
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)name[i];

        if (c <= 0x20 || c == 0x7f || strchr("/@&=\";,\\", c))
            return false;
    }
    return kh_utf8_valid(name, len);
}
