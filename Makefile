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
CFLAGS += -std=c11 -D_GNU_SOURCE -I. $(WARN) $(if $(ISCLANG),$(CLGW),$(GCCW)) $(HARD) $(CFLAGS_$(FLAVOUR)) $(if $(CI),-Werror)
LDFLAGS += -pie -Wl,-z,relro,-z,now,-z,noexecstack,--as-needed $(filter -fsanitize=% --coverage,$(CFLAGS_$(FLAVOUR)))
LIBS := -lwebsockets -luv -lhiredis -lcjson -lssl -lcrypto -lsqlite3 -lpthread -lm

.PHONY: all unit asan-unit bins fuzz fuzz-replay check layers headers lint analyze run demo test black web bench docs format clean help deps
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
-include $(OBJ:.o=.d) $(UNIT:=.d) $(BENCH:=.d) $(PEERS:=.d)

bins: $(BENCH) $(PEERS)
unit: $(UNIT) ## unit tests of this FLAVOUR
	@set -e; for t in $(UNIT); do $$t; done
asan-unit: ## unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory FLAVOUR=asan unit
layers: ## the direction of the folders
	@sh tests/lint/layers.sh
headers: ## every header compiles alone
	@set -e; for h in $(foreach d,$(FOLDERS),$(wildcard $(d)/*.h)); do echo "#include \"$$h\"" | $(CC) $(CFLAGS) -Werror -fsyntax-only -xc -; done
lint: ## banned calls, tables and documents in step
	@sh tests/lint/lint.sh
check: layers headers lint ## everything that reads the code
format: ## clang-format in place
	clang-format -i $(SRC) $(foreach d,$(FOLDERS),$(wildcard $(d)/*.h)) $(wildcard tests/*/*.c)
clean:
	rm -rf build bin
help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed 's/:.*##/\t/'
