/* The commands of keyhsm, one file each: kh_cmd_NAME in cmd_NAME.c; the table is in
 * main.c. */
#ifndef KH_KEYHSM_COMMANDS_H
#define KH_KEYHSM_COMMANDS_H

#define KH_KEYHSM_CONFIG "/etc/keyhsm/keyhsm.ini"

/* Each takes what stands behind its name (argv[0]) and returns the exit status. */
int kh_cmd_backend(int argc, char **argv);
int kh_cmd_bench(int argc, char **argv);
int kh_cmd_doctor(int argc, char **argv);
int kh_cmd_service(int argc, char **argv); /* start, stop, ... */
int kh_cmd_settings(int argc, char **argv);
int kh_cmd_setup(int argc, char **argv);
int kh_cmd_trust(int argc, char **argv);
int kh_cmd_validate(int argc, char **argv);

#endif
