/* A shared object that is no plugin. */
extern const int kh_not_a_plugin;
const int kh_not_a_plugin __attribute__((visibility("default"))) = 1;
