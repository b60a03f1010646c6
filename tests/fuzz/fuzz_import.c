/* SPDX-License-Identifier: Apache-2.0
 *
 * Hostile files for the importer. The first byte chooses the file, the rest is its content. Problem rows must be whole lines of
 * UTF-8 (what was refused for its characters is not repeated in them).
 */
#include <stdint.h>
#include <string.h>

#include "base/check.h"
#include "base/text.h"
#include "handlers/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char said[1 << 16];

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size == 0) return 0;
    memset(said, 0, sizeof said);
    FILE *out = fmemopen(said, sizeof said, "w");
    MUST(out != NULL);
    size_t n = import_scan(data[0] == 'u' ? "units.json" : "tasks.json", (const char *)data + 1, size - 1, out);
    (void)fclose(out);
    MUST(n == 0 || said[0] != '\0');
    for (const char *p = said; *p;) {
        size_t len = strcspn(p, "\n");
        if (p[len] == '\0') break; /* the last line may be cut by our buffer */
        MUST(text_is_clean(p, len, false));
        p += len + 1;
    }
    return 0;
}
