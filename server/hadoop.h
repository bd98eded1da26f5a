/* The bodies of errors on Hadoop's routes (KH_ROUTE_HADOOP), as its clients read them. */
#ifndef KH_SERVER_HADOOP_H
#define KH_SERVER_HADOOP_H

#include "server/http.h"

#define KH_JAVA_IO "java.io.IOException"
#define KH_JAVA_ARGUMENT "java.lang.IllegalArgumentException"
#define KH_JAVA_AUTHORIZATION                                                            \
    "org.apache.hadoop.security.authorize.AuthorizationException"
#define KH_JAVA_AUTHENTICATION                                                           \
    "org.apache.hadoop.security.authentication.client.AuthenticationException"

/* True when the route that REQUEST was matched with has KH_ROUTE_HADOOP. */
bool kh_hadoop_route(const struct kh_request *request);

/*
 * {"RemoteException":{"message","exception","javaClassName"}}. JAVA_CLASS is the full
 * name, KH_JAVA_* or another; a client makes an exception of that class. MESSAGE is one
 * line; NULL gives null. Replaces RESPONSE's body; without memory the status goes alone.
 */
void kh_hadoop_exception(struct kh_response *response, int status, const char *java_class,
    const char *message);

/* The same with the class that goes with STATUS: 400 and 404 an argument's, 403 an
 * authorization's, all others an IOException, at which a client tries the next server. */
void kh_hadoop_error(struct kh_response *response, int status, const char *message);

/*
 * An error page (HTML) of REQUEST with MESSAGE, which is also the reason phrase: what the
 * filters in front of Hadoop's KMS answer with. 401 and 403 also clear the cookie
 * hadoop.auth, in place of a cookie that was to be set.
 */
void kh_hadoop_page(struct kh_request *request, int status, const char *message);

#endif
