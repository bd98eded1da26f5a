/* Runs one stage of keyhsm-doctor-probe and survives whatever the module does in it. */
#ifndef KH_KEYHSM_PROBE_RUN_H
#define KH_KEYHSM_PROBE_RUN_H

#include <jansson.h>
#include <keyhsm/types.h>

#define KH_PROBE_WORDS 12
#define KH_PROBE_OUTPUT 1024

/* What is examined; the same for all stages. */
struct kh_probe_target {
    char program[4096]; /* keyhsm-doctor-probe: kh_probe_find */
    const char *module;
    const char *init_args; /* NULL: none */
    const char *label;     /* NULL: do not care; so are the next two */
    const char *serial;
    const char *slot;
    const char *softhsm2_conf; /* for the environment; NULL: as it is */
    struct kh_buf pin;         /* empty: none is given */
    unsigned timeout;          /* seconds without a sign of life before it is killed */
    bool quick;
    unsigned threads; /* of the bench */
    unsigned seconds;
    void (*alive)(void *arg); /* called when it says that it is at work; may be NULL */
    void *arg;
};

enum kh_probe_end {
    KH_PROBE_ENDED,   /* it has told all it found */
    KH_PROBE_STOPPED, /* it ended early, and says why among the facts */
    KH_PROBE_CRASHED, /* a signal, see `signal` */
    KH_PROBE_HUNG     /* no sign of life for `timeout` seconds */
};

struct kh_probe_result {
    enum kh_probe_end end;
    int signal;
    char call[64];                /* where it was: "C_Login"; "" when in no call */
    char output[KH_PROBE_OUTPUT]; /* what the module printed, control characters as ? */
};

/* Where keyhsm-doctor-probe is: beside this program in a build tree, else where it was
 * installed. KH_UNAVAILABLE: in neither place. */
KH_CHECK kh_status kh_probe_find(struct kh_probe_target *target, struct kh_error *err);

/*
 * Runs STAGE. Facts go to FACTS, an object of {"value": ..., "detail": ...} by name; one
 * of the same name is replaced. How it ended is another one, "stage.STAGE", and what it
 * printed is "output.STAGE". The process is gone, with all its children, when this
 * returns. KH_UNAVAILABLE: no process could be made; whatever the module does is KH_OK.
 */
KH_CHECK kh_status kh_probe_run(const struct kh_probe_target *target, const char *stage,
    json_t *facts, struct kh_probe_result *result, struct kh_error *err);

#endif
