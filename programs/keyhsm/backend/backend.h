/* The commands below `keyhsm backend`, one file each. */
#ifndef KH_KEYHSM_BACKEND_H
#define KH_KEYHSM_BACKEND_H

/* Each takes what stands behind its name (argv[0]) and returns the exit status. */
int kh_cmd_backend_list(int argc, char **argv);
int kh_cmd_backend_show(int argc, char **argv);
int kh_cmd_backend_check(int argc, char **argv);

#endif
