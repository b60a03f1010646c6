# zhangban. `make help` lists the targets; docs/ARCHITECTURE.md says how the folders hang together.
FLAVOUR ?= release
CC      ?= cc
B       := build/$(FLAVOUR)
FOLDERS := base store push handlers gateway
SRC     := $(foreach d,$(FOLDERS),$(wildcard $(d)/*.c))
OBJ     := $(SRC:%.c=$(B)/%.o)
CORE    := $(filter-out $(B)/gateway/main.o,$(OBJ))
LIBCORE := $(B)/libcore.a
KIT     := $(B)/libkit.a
UNIT    := $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/test_*.c))
FUZZ    := $(patsubst tests/fuzz/%.c,$(B)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
BENCH   := $(patsubst tests/bench/%.c,$(B)/bench/%,$(wildcard tests/bench/*.c))
NODE_MODULES := tests/node_modules/.package-lock.json
PEERS   := $(patsubst tests/peers/%.c,$(B)/peers/%,$(wildcard tests/peers/*.c))

WARN := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wformat=2 -Wundef -Wvla -Wwrite-strings -Wcast-qual \
        -Wpointer-arith -Wstrict-prototypes -Wold-style-definition -Wmissing-prototypes -Wnull-dereference -Wdouble-promotion \
        -Wimplicit-fallthrough -Wunused-result
GCCW := -Wduplicated-cond -Wduplicated-branches -Wlogical-op -Wformat-signedness -Wformat-truncation=2 -Wcast-align=strict \
        -Wjump-misses-init -Wstringop-overflow=4 -Wstack-usage=16384 -ftrivial-auto-var-init=zero
CLGW := -Wcomma -Wassign-enum -Wconditional-uninitialized -Wshorten-64-to-32 -Wunreachable-code-aggressive
HARD := -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -fno-common -fno-omit-frame-pointer -fPIE
ISCLANG := $(findstring clang,$(shell $(CC) --version | head -1))
CFLAGS_release := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
CFLAGS_asan    := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined
CFLAGS_tsan    := -O1 -g -fsanitize=thread
CFLAGS_fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined
CFLAGS_cover   := -O0 -g --coverage
CFLAGS_clang   := -O1 -g
CFLAGS_analyze := -O1 -g -fanalyzer -Wno-analyzer-possible-null-dereference
CFLAGS += -std=c11 -D_GNU_SOURCE -I. $(WARN) $(if $(ISCLANG),$(CLGW),$(GCCW)) $(HARD) $(CFLAGS_$(FLAVOUR)) $(if $(CI),-Werror)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(filter -fsanitize=% --coverage,$(CFLAGS_$(FLAVOUR)))
LIBS := -lwebsockets -luv -lhiredis -lcjson -lssl -lcrypto -lsqlite3 -lcurl -lpthread -lm

.PHONY: all unit asan-unit bins fuzz fuzz-replay check layers headers lint analyze tidy clang run demo test ci black black-tsan web bench docs
.PHONY: format clean help deps-run deps-test cover
.DELETE_ON_ERROR:
all: bin/zhangban ## build bin/zhangban

ifeq ($(FLAVOUR),release)
bin/zhangban: $(B)/zhangban
	@mkdir -p bin && cp -f $< $@
endif
$(B)/zhangban: $(OBJ)
	@echo "  ld $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LIBS)
$(B)/%.o: %.c
	@mkdir -p $(@D)
	@echo "  cc $@"; $(CC) $(CFLAGS) -MMD -MP -c -o $@ $<
$(LIBCORE): $(CORE)
	@rm -f $@; ar rcs $@ $^
$(KIT): $(B)/tests/unit/kit.o
	@rm -f $@; ar rcs $@ $^
$(B)/unit/%: tests/unit/%.c $(KIT) $(LIBCORE)
	@mkdir -p $(@D)
	@echo "  ld $@"; $(CC) $(CFLAGS) -Wno-missing-prototypes -MMD -MP $(LDFLAGS) -o $@ $< $(KIT) $(LIBCORE) $(LIBS) -lcmocka
$(B)/fuzz/%: tests/fuzz/%.c $(LIBCORE)
	@mkdir -p $(@D)
	@echo "  ld $@"; clang $(filter-out -Wmissing-prototypes,$(CFLAGS)) -fsanitize=fuzzer,address,undefined $(LDFLAGS) -o $@ $< $(LIBCORE) $(LIBS)
$(BENCH) $(PEERS): $(B)/%: tests/%.c $(LIBCORE)
	@mkdir -p $(@D)
	@echo "  ld $@"; $(CC) $(CFLAGS) -MMD -MP $(LDFLAGS) -o $@ $< $(LIBCORE) $(LIBS)
$(B)/store/migrate.o: $(wildcard store/migrations/*.sql)
-include $(OBJ:.o=.d) $(B)/tests/unit/kit.d $(UNIT:=.d) $(BENCH:=.d) $(PEERS:=.d)

bins: $(BENCH) $(PEERS)

# ---- the two commands, and what they are made of ----
run: deps-run ## install, build and run the demo on real input: http://127.0.0.1:7080
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@sh scripts/web-vendor.sh
	@sh scripts/run.sh
demo: deps-run ## the year 2018 in a minute
	@$(MAKE) --no-print-directory -j$$(nproc) all
	@sh scripts/web-vendor.sh
	@sh scripts/demo.sh
test: deps-test ## everything CI asks for, with all of its own set-up
	@sh scripts/test.sh
deps-run:
	@sh scripts/packages.sh run
deps-test:
	@sh scripts/packages.sh test
$(NODE_MODULES): tests/package-lock.json
	@cd tests && npm ci --no-audit --no-fund --loglevel=error && touch node_modules/.package-lock.json

# ---- tests ----
unit: $(NODE_MODULES) $(UNIT) ## unit tests of this FLAVOUR
	@set -e; for t in $(UNIT); do echo "== $$t"; $$t; done
asan-unit: ## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory FLAVOUR=asan unit
black: $(NODE_MODULES) $(PEERS) $(B)/zhangban ## black-box tests of this FLAVOUR: real processes, real clients
	@sh scripts/web-vendor.sh
	@ZB_BUILD=$(B) node --test --test-concurrency=2 $(sort $(wildcard tests/black/*.test.mjs))
black-tsan: ## the same with all threads under ThreadSanitizer
	@$(MAKE) --no-print-directory FLAVOUR=tsan black
web: $(NODE_MODULES) $(B)/zhangban ## pages in headless Chromium
	@sh scripts/web-vendor.sh
	@ZB_BUILD=$(B) node --test --test-concurrency=1 $(sort $(wildcard tests/web/*.test.mjs))
fuzz: $(FUZZ)
fuzz-replay: ## the corpora under ASan and UBSan, and a few seconds of new inputs each
	@$(MAKE) --no-print-directory FLAVOUR=fuzz CC=clang fuzz
	@set -e; for f in $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c)); do \
	  echo "== fuzz $$f"; mkdir -p build/fuzz/new/$$f; \
	  build/fuzz/fuzz/fuzz_$$f -runs=20000 -max_total_time=$${FUZZ_SECONDS:-4} -artifact_prefix=build/fuzz/$$f- build/fuzz/new/$$f tests/fuzz/corpus/$$f \
	    >build/fuzz/$$f.log 2>&1 || { tail -30 build/fuzz/$$f.log; exit 1; }; tail -1 build/fuzz/$$f.log; done
bench: $(NODE_MODULES) $(BENCH) $(PEERS) bin/zhangban ## figures, one JSON line each; WHAT=name for one
	@node tests/bench/run.mjs $(WHAT)

# ---- what reads the code ----
layers: ## the direction of the folders
	@sh tests/lint/layers.sh
headers: ## every header compiles alone
	@set -e; for h in $(foreach d,$(FOLDERS),$(wildcard $(d)/*.h)); do echo "#include \"$$h\"" | $(CC) $(CFLAGS) -Werror -Wno-pedantic -fsyntax-only -xc -; done; echo "headers: ok"
lint: ## banned calls, tables and documents in step
	@sh tests/lint/lint.sh
clang: ## the other compiler, warnings are errors
	@$(MAKE) --no-print-directory FLAVOUR=clang CC=clang CI=1 $(patsubst %.c,build/clang/%.o,$(SRC))
analyze: ## gcc -fanalyzer
	@$(MAKE) --no-print-directory FLAVOUR=analyze CI=1 $(patsubst %.c,build/analyze/%.o,$(SRC))
tidy: $(SRC:%=build/tidy/%.ok) ## clang-tidy
build/tidy/%.ok: % .clang-tidy
	@mkdir -p $(@D)
	@echo "  tidy $<"; clang-tidy --quiet $< -- -std=c11 -D_GNU_SOURCE -I. 2>build/tidy/err.log >$@.log || { cat $@.log; exit 1; }
	@! grep -E "warning:|error:" $@.log && touch $@
check: layers headers lint clang analyze tidy ## everything that reads the code
docs: bin/zhangban ## docs/API.md and zhangban.conf from their tables
	@bin/zhangban openapi | node scripts/api-md.mjs >docs/API.md
	@sh scripts/sample-conf.sh >zhangban.conf
format: ## clang-format in place
	clang-format -i $(SRC) $(foreach d,$(FOLDERS),$(wildcard $(d)/*.h)) $(wildcard tests/*/*.c)
clean:
	rm -rf build bin
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
