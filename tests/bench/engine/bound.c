/* The bound of `bench engine`: what the kernel and SRTP cost at least.
 *
 * Decrypt once; for each receiver copy, give it its SSRC, encrypt; send with GSO and sendmmsg.
 * Nothing else: no parsing, no history, no statistics, no RTCP.
 */
#define _GNU_SOURCE
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#define BATCH 16
#define PACKET 1500
#define MESSAGES 1024

typedef int (*srtp_call)(void *session, void *packet, int *length);

typedef struct {
    int socket;
    srtp_call unprotect, protect;
    void *inbound;               /* SRTP session of the publisher */
    void *const *outbound;       /* one for each receiver */
    const struct sockaddr_in *addresses;
    int receiver_count;
    uint64_t packet_count;       /* stop after so many incoming packets */
} bound_plan;

typedef struct {
    uint64_t cpu_ns, packets_in, packets_out, calls;
} bound_result;

static uint64_t cpu_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint8_t in[BATCH][PACKET];
/* Filled from the start for each flush, and small: what was encrypted is still in the cache when
 * the kernel copies it (1.5 MB made the bound 15 % dearer). */
static uint8_t arena[64 * 1024];
static size_t used;
static struct mmsghdr sends[MESSAGES];
static struct iovec vectors[MESSAGES][BATCH];
static uint8_t controls[MESSAGES][CMSG_SPACE(sizeof(uint16_t))];

/* One message for each run of equal sizes to one receiver (a shorter last one may end a run). */
static int fill(const bound_plan *plan, int receiver, int message, const int *lengths, int count) {
    int first = 0;
    while (first < count) {
        int run = 0, size = 0;
        for (int i = first; i < count; i++) {
            uint8_t *packet = arena + used;
            int length = lengths[i];
            memcpy(packet, in[i], (size_t)length);
            packet[11] ^= (uint8_t)receiver;
            if (plan->protect(plan->outbound[receiver], packet, &length) != 0)
                return -1;
            used += ((size_t)length + 15) & ~(size_t)15;
            vectors[message][run] = (struct iovec){packet, (size_t)length};
            run++;
            if (run == 1)
                size = length;
            if (i + 1 == count || lengths[i + 1] != lengths[first])
                break;
        }
        struct msghdr *m = &sends[message].msg_hdr;
        *m = (struct msghdr){.msg_name = (void *)&plan->addresses[receiver],
            .msg_namelen = sizeof(struct sockaddr_in),
            .msg_iov = vectors[message], .msg_iovlen = (size_t)run};
        if (run > 1) {
            m->msg_control = controls[message];
            m->msg_controllen = sizeof controls[message];
            struct cmsghdr *c = CMSG_FIRSTHDR(m);
            c->cmsg_level = IPPROTO_UDP;
            c->cmsg_type = UDP_SEGMENT;
            c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
            uint16_t segment = (uint16_t)size;
            memcpy(CMSG_DATA(c), &segment, sizeof segment);
        }
        first += run;
        message++;
    }
    return message;
}

static int flush(int socket, int count, bound_result *result) {
    for (int sent = 0; sent < count;) {
        int n = sendmmsg(socket, sends + sent, (unsigned)(count - sent), 0);
        if (n <= 0)
            return -1;
        for (int i = sent; i < sent + n; i++)
            result->packets_out += sends[i].msg_hdr.msg_iovlen;
        result->calls++;
        sent += n;
    }
    used = 0;
    return 0;
}

int run_bound(const bound_plan *plan, bound_result *result) {
    memset(result, 0, sizeof *result);
    uint64_t start = cpu_ns();
    struct iovec v[BATCH];
    struct mmsghdr m[BATCH];
    while (result->packets_in < plan->packet_count) {
        struct pollfd readable = {.fd = plan->socket, .events = POLLIN};
        if (poll(&readable, 1, 2000) <= 0)
            break;
        for (int i = 0; i < BATCH; i++) {
            v[i] = (struct iovec){in[i], PACKET};
            m[i].msg_hdr = (struct msghdr){.msg_iov = &v[i], .msg_iovlen = 1};
        }
        int got = recvmmsg(plan->socket, m, BATCH, MSG_DONTWAIT, NULL);
        result->calls += 2;
        int lengths[BATCH], kept = 0;
        for (int i = 0; i < got; i++) {
            int length = (int)m[i].msg_len;
            result->packets_in++;
            if (plan->unprotect(plan->inbound, in[i], &length) != 0)
                continue;
            if (kept != i)
                memcpy(in[kept], in[i], (size_t)length);
            lengths[kept++] = length;
        }
        int message = 0;
        for (int r = 0; kept && r < plan->receiver_count; r++) {
            if (message + kept > MESSAGES || used + (size_t)kept * PACKET > sizeof arena) {
                if (flush(plan->socket, message, result) < 0)
                    return -1;
                message = 0;
            }
            message = fill(plan, r, message, lengths, kept);
            if (message < 0)
                return -2;
        }
        if (flush(plan->socket, message, result) < 0)
            return -1;
    }
    result->cpu_ns = cpu_ns() - start;
    return 0;
}
