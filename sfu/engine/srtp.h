/* The four libsrtp functions that the thread calls, by address: pylibsrtp's wheel has the library
   but no headers (`native.pyx` checks the types before it gives the addresses). */
#ifndef PLENARY_SRTP_H
#define PLENARY_SRTP_H

typedef int (*srtp_function)(void *session, void *packet, int *length);

struct srtp_functions {
    srtp_function protect;
    srtp_function unprotect;
    srtp_function protect_rtcp;
    srtp_function unprotect_rtcp;
};

#define SRTP_OK 0
#define SRTP_REPLAYED 9 /* srtp_err_status_replay_fail */
#define SRTP_TOO_OLD 10 /* srtp_err_status_replay_old */

#endif
