/* What put and roll have in common: data and attributes in, one version out. */
#ifndef KH_KTADMIN_STORE_H
#define KH_KTADMIN_STORE_H

#include "programs/ktadmin/task.h"

/* Runs command CLI (program, summary and more are its own). NEW: the deposit is new
 * (put), else its next version is made (roll). Returns the exit code. */
int kh_store_run(const struct kh_cli *cli, bool new_deposit, int argc, char **argv);

#endif
