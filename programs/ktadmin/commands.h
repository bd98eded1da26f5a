/* The commands of ktadmin; each takes argv with its own name first and returns an exit
 * code. */
#ifndef KH_KTADMIN_COMMANDS_H
#define KH_KTADMIN_COMMANDS_H

int kh_cmd_init(int argc, char **argv);
int kh_cmd_keyhsm(int argc, char **argv);
int kh_cmd_import_kms_acls(int argc, char **argv);
int kh_cmd_service(int argc, char **argv);
int kh_cmd_status(int argc, char **argv);
int kh_cmd_put(int argc, char **argv);
int kh_cmd_get(int argc, char **argv);
int kh_cmd_list(int argc, char **argv);
int kh_cmd_show(int argc, char **argv);
int kh_cmd_roll(int argc, char **argv);
int kh_cmd_delete(int argc, char **argv);
int kh_cmd_undelete(int argc, char **argv);
int kh_cmd_purge(int argc, char **argv);
int kh_cmd_key_create(int argc, char **argv);
int kh_cmd_key_list(int argc, char **argv);
int kh_cmd_key_show(int argc, char **argv);
int kh_cmd_key_public(int argc, char **argv);
int kh_cmd_key_sign(int argc, char **argv);
int kh_cmd_key_uri(int argc, char **argv);
int kh_cmd_key_delete(int argc, char **argv);
int kh_cmd_key_undelete(int argc, char **argv);
int kh_cmd_key_purge(int argc, char **argv);
int kh_cmd_audit_verify(int argc, char **argv);
int kh_cmd_backup(int argc, char **argv);
int kh_cmd_backup_confirm(int argc, char **argv);
int kh_cmd_backup_verify(int argc, char **argv);
int kh_cmd_restore(int argc, char **argv);

#endif
