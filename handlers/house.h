/* SPDX-License-Identifier: Apache-2.0
 *
 * What all handlers share: made once by main, read-only afterwards but for the flags marked "writer".
 */
#ifndef ZB_HANDLERS_HOUSE_H
#define ZB_HANDLERS_HOUSE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/calendar.h"
#include "base/sm.h"
#include "push/notice_plan.h"
#include "store/ledger.h"

struct ranking_history; /* store/ranking.h */

struct house {
    const struct calendar *cal;
    struct ledger         *ledger;
    bool                   demo;
    /* writer thread only: */
    unsigned boards_dirty;   /* changes since the last publication of the boards */
    bool     boards_owed;    /* they were put off, or their batch failed: ranking_due_us */
    bool     boards_marked;  /* the store says so, too */
    struct ranking_history *boards_history; /* NULL: none yet */
    int64_t  boards_us;      /* clock_mono_us of the last publication or attempt; 0 never */
    int64_t  boards_cost_us; /* what it took of the processor */
    struct sm4_key         pii_key;      /* seals phone numbers */
    uint8_t                idx_key[32];  /* HMAC-SM3 for look-up columns */
    uint8_t                code_key[32]; /* HMAC-SM3 for one-time codes */
    /* rules from the configuration (DESIGN 1.8) */
    int64_t session_idle_ms, session_absolute_ms;
    int64_t sms_code_life_ms;
    int     ranking_min_tasks;
    int     sign_urgent_hours;
    int     yellow_days;
    int     instruction_skew_ms;
    struct notice_plan plans[4]; /* of notices, by priority */
    unsigned    channels; /* bits of enum delivery_channel that have a provider */
    /* the providers of the configuration: their names, and how their receipts are read (push/provider.h) */
    struct provider *const *providers;
    size_t                  providers_n;
    int     quiet_from_min, quiet_to_min, sms_per_day; /* noise limits of push/notice.h */
    int64_t sms_merge_ms;
    char    sms_signature[32];
    char    duty_phone[32];
    char    data_dir[256];
};

#endif
