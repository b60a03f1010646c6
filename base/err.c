/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include "base/check.h"

static const struct err_info table[ERR_MAX] = {
    [ERR_OK] = {"OK", 0, 200, false, ""},
#define X(symbol, word, number, http, temporary, zh) [ERR_##symbol] = {word, number, http, (temporary) != 0, zh},
#include "base/err.def"
#undef X
};

const struct err_info *err_info(enum err e) {
    MUST((int)e >= 0 && e < ERR_MAX);
    return &table[e];
}
