/* SPDX-License-Identifier: Apache-2.0
 *
 * Numbers of people and organisations: citizen number (GB 11643-1999), unified social credit code (GB 32100-2015), organisation
 * code (GB 11714), mobile number; and their masks. Pure functions, any thread. Never log what goes in.
 */
#ifndef ZB_BASE_IDNO_H
#define ZB_BASE_IDNO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define IDNO_CAP 19 /* 18 characters */

/* Check digit by ISO 7064 MOD 11-2, a real birth date not after `today` (base/calendar.h). x becomes X. The first six digits are
 * not compared with today's regions: old codes live on in numbers. ERR_INPUT; *why (may be NULL) is a Chinese literal for a
 * person. */
enum err idno_citizen(const char *in, int32_t today, char out[IDNO_CAP], const char **why) MUST_CHECK;
/* Of a number that idno_citizen accepted. */
int32_t idno_birth(const char *id);
bool    idno_is_male(const char *id);

/* Lower case becomes upper case. The organisation code inside (9-17) keeps its own check digit unchecked: codes in use, the
 * worked example of the standard's readers among them, do not follow it. ERR_INPUT as above. */
enum err idno_credit(const char *in, char out[IDNO_CAP], const char **why) MUST_CHECK;
bool     idno_is_organisation(const char *code); /* nine characters, GB 11714, without hyphen */

bool idno_is_mobile(const char *s); /* eleven digits, 1[3-9] first */

/* Masks: 张*, 欧阳*; 3507**********0019; 138****5678. What does not look like its kind is masked whole. out: at least cap bytes,
 * always ended with NUL; 32 is enough for all. */
void mask_name(const char *name, char *out, size_t cap);
void mask_citizen(const char *id, char *out, size_t cap);
void mask_mobile(const char *mobile, char *out, size_t cap);

#endif
