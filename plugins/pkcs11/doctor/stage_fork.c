/* A child after C_Initialize. Our daemons never fork then, but libraries may. */
#include "plugins/pkcs11/doctor/probe.h"

#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { BYTES = 32, PATIENCE = 10 };

struct answer {
    CK_RV rv;
    unsigned char bytes[BYTES];
};

/* In the child: the alarm ends it when the module hangs. */
static void ask(const struct kh_probe *probe, int fd)
{
    struct answer answer = {.rv = CKR_GENERAL_ERROR};

    (void)alarm(PATIENCE);
    answer.rv = probe->bare->C_GenerateRandom(probe->call.session, answer.bytes, BYTES);
    _exit(write(fd, &answer, sizeof answer) == sizeof answer ? 0 : 1);
}

static void judge(const struct answer *child, const struct answer *parent, int status)
{
    bool same = child->rv == CKR_OK && parent->rv == CKR_OK &&
                memcmp(child->bytes, parent->bytes, BYTES) == 0;

    kh_fact_bool("fork.random_differs", !same, "%s", "");
    kh_fact_bool("fork.child_ends", WIFEXITED(status), "%s%d",
        WIFEXITED(status) ? "" : "signal ", WIFEXITED(status) ? 0 : WTERMSIG(status));
    if (WIFEXITED(status))
        kh_fact_text("fork.child_gets", kh_rv_name(child->rv));
    kh_fact_bool("fork.parent_works", parent->rv == CKR_OK, "%s", kh_rv_name(parent->rv));
}

void kh_stage_fork(struct kh_probe *probe)
{
    struct answer child = {.rv = CKR_FUNCTION_FAILED};
    struct answer parent = {.rv = CKR_FUNCTION_FAILED};
    int ends[2];
    int status = 0;
    pid_t pid;

    if (pipe(ends) != 0)
        return;
    pid = fork();
    if (pid == 0)
        ask(probe, ends[1]);
    (void)close(ends[1]);
    if (pid > 0) {
        if (read(ends[0], &child, sizeof child) != sizeof child)
            child.rv = CKR_FUNCTION_FAILED;
        (void)waitpid(pid, &status, 0);
        parent.rv =
            probe->module.p11->C_GenerateRandom(probe->call.session, parent.bytes, BYTES);
        judge(&child, &parent, status);
    }
    (void)close(ends[0]);
}
