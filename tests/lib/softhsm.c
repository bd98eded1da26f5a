#include "tests/lib/softhsm.h"

#include "tests/lib/testlib.h"

#include <stdlib.h>
#include <string.h>

void kh_test_token_make(struct kh_test_token *token, const char *dir)
{
    char text[1200];

    memset(token, 0, sizeof *token);
    token->label = "lab";
    token->pin = "1234";
    snprintf(token->dir, sizeof token->dir, "%s", dir);
    snprintf(token->conf, sizeof token->conf, "%s/softhsm2.conf", dir);
    snprintf(token->pin_file, sizeof token->pin_file, "%s/pin", dir);
    snprintf(text, sizeof text,
        "directories.tokendir = %s/tokens\nobjectstore.backend = file\nlog.level = "
        "ERROR\n"
        "slots.removable = false\nslots.mechanisms = ALL\nlibrary.reset_on_fork = "
        "false\n",
        dir);
    kh_test_write(token->conf, text, strlen(text), 0600);
    kh_test_write(token->pin_file, token->pin, strlen(token->pin), 0600);
    setenv("SOFTHSM2_CONF", token->conf, 1);
    if (kh_test_shell(
            "mkdir -p '%s/tokens' && softhsm2-util --init-token --free --label %s "
            "--so-pin 12345678 --pin %s >/dev/null",
            dir, token->label, token->pin) != 0) {
        fprintf(stderr, "softhsm2-util could not make a token in %s\n", dir);
        abort();
    }
}
