/* The load of `bench engine`: one publisher that sends on time, and N receivers.
 *
 * One thread. It sleeps until the next packet is due and drains the receivers' sockets only every
 * few milliseconds: nobody waits on them, so the server under test never pays for waking us, and
 * this core is idle most of the time, as it would be with receivers on other machines (two
 * virtual cores share one real one: a busy neighbour makes the same work dearer). Arrival times
 * are the kernel's (SO_TIMESTAMPNS), so that a late sweep does not count as the server's delay.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#define SWEEP_NS 10000000ull /* a socket's buffer holds far more than arrives meanwhile */
#define EARLY_NS 40000ull    /* wake this long before a packet is due, then spin */
#define BATCH 32
#define PACKET 1500
#define SEQUENCES 65536
#define BUCKETS 200000 /* of one microsecond */

typedef struct {
    int sender;                 /* connected UDP socket of the publisher */
    const int *receivers;       /* N bound, non-blocking UDP sockets */
    int receiver_count;
    const uint8_t *packets;     /* packet i at i * PACKET, protected */
    const uint16_t *sizes;
    const uint64_t *due_ns;     /* from the start */
    const uint8_t *kinds;       /* 0 audio, 1 video */
    int packet_count;
    uint8_t video_payload_type; /* as the receivers get it */
    uint64_t linger_ns;         /* go on draining after the last packet */
} load_plan;

typedef struct {
    uint64_t sent, received, late_sends, worst_late_ns;
    uint64_t histogram_count, p50_ns, p99_ns, worst_ns;
} load_result;

static uint64_t now_ns(clockid_t clock) {
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static uint32_t histogram[BUCKETS];
/* When each sequence number of a kind was sent, by the realtime clock of SO_TIMESTAMPNS. */
static uint64_t sent_at[2][SEQUENCES];
/* Receivers may start at another sequence number: the first packet they get tells the offset. */
static uint16_t offset[2][1024];
static uint8_t offset_known[2][1024];

static void take(const load_plan *plan, int receiver, struct mmsghdr *m, load_result *result,
                 const uint16_t *first_sequence) {
    const uint8_t *data = m->msg_hdr.msg_iov->iov_base;
    if (m->msg_len < 12 || (data[0] & 0xC0) != 0x80 || (data[1] >= 192 && data[1] <= 223))
        return;
    int kind = (data[1] & 0x7F) == plan->video_payload_type;
    uint16_t sequence = (uint16_t)(data[2] << 8 | data[3]);
    if (!offset_known[kind][receiver]) {
        offset[kind][receiver] = (uint16_t)(sequence - first_sequence[kind]);
        offset_known[kind][receiver] = 1;
    }
    result->received++;
    uint64_t sent = sent_at[kind][(uint16_t)(sequence - offset[kind][receiver])];
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m->msg_hdr); c; c = CMSG_NXTHDR(&m->msg_hdr, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_TIMESTAMPNS || !sent)
            continue;
        struct timespec t;
        memcpy(&t, CMSG_DATA(c), sizeof t);
        uint64_t at = (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
        uint64_t delay = at > sent ? at - sent : 0;
        uint64_t bucket = delay / 1000;
        histogram[bucket < BUCKETS ? bucket : BUCKETS - 1]++;
        result->histogram_count++;
        if (delay > result->worst_ns)
            result->worst_ns = delay;
    }
}

static void sleep_until(uint64_t wanted_ns) {
    struct timespec t = {.tv_sec = (time_t)(wanted_ns / 1000000000ull),
                         .tv_nsec = (long)(wanted_ns % 1000000000ull)};
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static uint64_t percentile(const load_result *result, double share) {
    uint64_t wanted = (uint64_t)((double)result->histogram_count * share), seen = 0;
    for (int i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (seen > wanted)
            return (uint64_t)i * 1000;
    }
    return 0;
}

int run_load(const load_plan *plan, load_result *result) {
    static uint8_t buffers[BATCH][PACKET];
    static uint8_t controls[BATCH][64];
    struct mmsghdr messages[BATCH];
    struct iovec vectors[BATCH];
    uint16_t first_sequence[2] = {0, 0};
    int known[2] = {0, 0};
    memset(histogram, 0, sizeof histogram);
    memset(sent_at, 0, sizeof sent_at);
    memset(offset_known, 0, sizeof offset_known);
    memset(result, 0, sizeof *result);
    uint64_t start = now_ns(CLOCK_MONOTONIC) + 20000000ull;
    uint64_t end = start + plan->due_ns[plan->packet_count - 1] + plan->linger_ns;
    int next = 0, receiver = 0;
    uint64_t sweep_at = start;
    prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
    for (;;) {
        uint64_t now = now_ns(CLOCK_MONOTONIC);
        if (now > end)
            break;
        while (next < plan->packet_count && start + plan->due_ns[next] <= now) {
            const uint8_t *packet = plan->packets + (size_t)next * PACKET;
            int kind = plan->kinds[next];
            uint16_t sequence = (uint16_t)(packet[2] << 8 | packet[3]);
            if (!known[kind]) {
                first_sequence[kind] = sequence;
                known[kind] = 1;
            }
            uint64_t late = now - (start + plan->due_ns[next]);
            if (late > 1000000)
                result->late_sends++;
            if (late > result->worst_late_ns)
                result->worst_late_ns = late;
            sent_at[kind][sequence] = now_ns(CLOCK_REALTIME);
            if (send(plan->sender, packet, plan->sizes[next], 0) < 0 && errno != ECONNREFUSED)
                return errno;
            result->sent++;
            next++;
        }
        if (now < sweep_at) {
            uint64_t due = next < plan->packet_count ? start + plan->due_ns[next] : end;
            uint64_t wake = due < sweep_at ? due : sweep_at;
            if (wake > now + 2 * EARLY_NS)
                sleep_until(wake - EARLY_NS);
            continue;
        }
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){buffers[i], PACKET};
            messages[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1,
                .msg_control = controls[i], .msg_controllen = sizeof controls[i]};
        }
        int got = recvmmsg(plan->receivers[receiver], messages, BATCH, MSG_DONTWAIT, NULL);
        for (int i = 0; i < got; i++)
            take(plan, receiver, &messages[i], result, first_sequence);
        if (++receiver == plan->receiver_count) {
            receiver = 0;
            sweep_at = now + SWEEP_NS;
        }
    }
    result->p50_ns = percentile(result, 0.50);
    result->p99_ns = percentile(result, 0.99);
    return 0;
}
