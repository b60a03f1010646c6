/* SPDX-License-Identifier: Apache-2.0
 *
 * Ready-made text frames: the server's header (unmasked, FIN) stands in front of the payload, so that one read-only buffer
 * serves every connection on every loop (LWS_WRITE_RAW does not touch it). Immutable after creation; any thread.
 */
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "gateway/net_int.h"

#define FRAME_MAGIC 0x66726d65U

unsigned frame_head(unsigned char out[FRAME_HEAD_MAX], size_t payload_n) {
    out[0] = 0x81;
    if (payload_n < 126) {
        out[1] = (unsigned char)payload_n;
        return 2;
    }
    unsigned n = payload_n <= 0xffff ? 2 : 8;
    out[1]     = n == 2 ? 126 : 127;
    for (unsigned i = 0; i < n; i++) out[2 + i] = (unsigned char)((uint64_t)payload_n >> 8 * (n - 1 - i) & 0xff);
    return 2 + n;
}

struct frame *frame_text2(const char *a, size_t an, const char *b, size_t bn) {
    unsigned char head[FRAME_HEAD_MAX];
    unsigned      head_n = frame_head(head, an + bn);
    struct frame *f      = x_malloc(sizeof *f + head_n + an + bn + 1);
    f->magic             = FRAME_MAGIC;
    f->head_n            = head_n;
    f->n                 = an + bn;
    atomic_init(&f->refs, 1);
    memcpy(f->b, head, head_n);
    if (an) memcpy(f->b + head_n, a, an);
    if (bn) memcpy(f->b + head_n + an, b, bn);
    f->b[head_n + an + bn] = '\0';
    return f;
}

struct frame *frame_text(const char *payload, size_t n) {
    return frame_text2(payload, n, NULL, 0);
}

struct frame *frame_ref(struct frame *f) {
    CHECK_OBJ_NOTNULL(f, FRAME_MAGIC);
    atomic_fetch_add_explicit(&f->refs, 1, memory_order_relaxed);
    return f;
}

void frame_unref(struct frame *f) {
    if (f == NULL) return;
    CHECK_OBJ_NOTNULL(f, FRAME_MAGIC);
    if (atomic_fetch_sub_explicit(&f->refs, 1, memory_order_acq_rel) == 1) FREE_OBJ(f);
}

const char *frame_payload(const struct frame *f, size_t *n) {
    if (n) *n = f->n;
    return f->b + f->head_n;
}
