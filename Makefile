# failoverd: building, testing, showing. `make help` lists what there is.
#
# Objects go to build/ (or build/asan/ for the sanitizer variant). Two libraries: libpolicy.a holds
# every decision and links nothing; libfailoverd.a is the shell around it.

PREFIX  ?= /usr/local
DESTDIR ?=
VARIANT ?=
V       ?= 0

BUILD := build$(if $(VARIANT),/$(VARIANT))
CC    := gcc
PKGS  := libcurl libcares libevent_core libevent_extra libevent_openssl jansson libssl libcrypto \
         libpq expat libnftables smartcols

WARNINGS := -Wall -Wextra -Wconversion -Wshadow -Wswitch-enum -Wundef -Werror
CFLAGS   := -std=c17 -D_GNU_SOURCE -O2 -g -fno-omit-frame-pointer $(WARNINGS) -I. -MMD -MP -pthread \
            -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fPIE
LDFLAGS  := -pthread -pie -Wl,-z,relro,-z,now -Wl,--as-needed
# Not optimised, where that makes building quicker than it makes running slower.
QUICK = $(filter-out -O1 -O2 -D_FORTIFY_SOURCE=2,$(CFLAGS)) -O0
ifeq ($(VARIANT),asan)
CFLAGS  := $(filter-out -O2 -D_FORTIFY_SOURCE=2,$(CFLAGS)) -O1 -fsanitize=address,undefined \
           -fno-sanitize-recover=all
LDFLAGS += -fsanitize=address,undefined
$(foreach f,base control database notify operator report status,$(BUILD)/coordinator/$f/%.o) \
    $(BUILD)/probes/%.o $(BUILD)/dns/%.o: CFLAGS := $(QUICK)
endif
$(BUILD)/tests/unit/%.o: CFLAGS := $(QUICK)
# Only the core is counted, and unoptimised, so that each condition in the source is a branch of its own.
ifeq ($(VARIANT),coverage)
CFLAGS  := $(filter-out -D_FORTIFY_SOURCE=2,$(CFLAGS))
LDFLAGS += --coverage
$(BUILD)/policy/%.o: CFLAGS += -O0 --coverage
endif

# The tests' programs, of which there are many, are linked by gold where there is one: in a quarter of the time.
TEST_LDFLAGS = $(eval TEST_LDFLAGS := $$(LDFLAGS) $$(if $$(shell command -v ld.gold),-fuse-ld=gold))$(TEST_LDFLAGS)

# Asked for only when something is compiled, so that `make help` and `make setup` need nothing.
PKG_CFLAGS = $(eval PKG_CFLAGS := $$(shell pkg-config --cflags $(PKGS)))$(PKG_CFLAGS)
PKG_LIBS   = $(eval PKG_LIBS := $$(shell pkg-config --libs $(PKGS)))$(PKG_LIBS)

objects = $(patsubst %.c,$(BUILD)/%.o,$(1))

MAINS       := coordinator/failoverd.c coordinator/operator/failoverctl.c
CTL_SOURCES := $(wildcard coordinator/operator/failoverctl*.c)
POLICY      := $(wildcard policy/*.c policy/*/*.c)
SHELL_SRC   := $(filter-out $(MAINS) $(CTL_SOURCES),\
               $(wildcard coordinator/*.c coordinator/*/*.c probes/*.c dns/*.c))

LIBPOLICY    := $(BUILD)/libpolicy.a
LIBFAILOVERD := $(BUILD)/libfailoverd.a
PROGRAMS     := $(BUILD)/failoverd $(BUILD)/failoverctl

UNIT_SRC  := $(wildcard tests/unit/*_test.c)
UNIT_HELP := $(filter-out $(UNIT_SRC),$(wildcard tests/unit/*.c))
UNIT_BIN  := $(patsubst tests/unit/%.c,$(BUILD)/tests/unit/%,$(UNIT_SRC))
EMULATOR  := $(BUILD)/tests/route53-emulator
WRITER    := $(BUILD)/tests/writer
SHIM      := $(BUILD)/tests/clock_shim.so
SCENARIO  := $(BUILD)/tests/scenario-player
SIM       := $(BUILD)/tests/simulator

.PHONY: model all help setup test demo check unit sanitize scenario tidy fidelity e2e bench install \
        clean test-tools sanitized
.DELETE_ON_ERROR:
.SECONDARY:

ifeq ($(V),0)
say = @printf '  %-4s %s\n' $(1) $(2);
else
say =
endif

all: $(PROGRAMS) ## Build failoverd and failoverctl (the default)

$(BUILD)/%.o: %.c
	@mkdir -p $(@D)
	$(call say,CC,$<)$(CC) $(CFLAGS) $(PKG_CFLAGS) -c $< -o $@

$(LIBPOLICY): $(call objects,$(POLICY))
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(LIBFAILOVERD): $(call objects,$(SHELL_SRC))
	$(call say,AR,$@)rm -f $@ && ar rcs $@ $^

$(BUILD)/failoverd: $(BUILD)/coordinator/failoverd.o $(LIBFAILOVERD) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/failoverctl: $(call objects,$(CTL_SOURCES)) $(LIBFAILOVERD) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(BUILD)/tests/unit/%_test: $(BUILD)/tests/unit/%_test.o $(call objects,$(UNIT_HELP)) \
                            $(LIBFAILOVERD) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(TEST_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcunit

# What failoverctl shows is tested without its command line.
$(BUILD)/tests/unit/failoverctl_%_test: $(BUILD)/tests/unit/failoverctl_%_test.o $(call objects,$(UNIT_HELP)) \
                            $(call objects,$(filter-out $(MAINS),$(CTL_SOURCES))) $(LIBFAILOVERD) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(TEST_LDFLAGS) -o $@ $^ $(PKG_LIBS) -lcunit

$(EMULATOR): $(call objects,$(wildcard tests/route53/*.c))
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

$(WRITER): $(call objects,tests/regions/writer.c)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^ $(PKG_LIBS)

# Preloaded into a coordinator of the lab, whose clocks then run at another rate.
$(SHIM): tests/regions/clock_shim.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) $(CFLAGS) -fPIC -shared $< -o $@

# Scenarios link the core alone: a decision that leaked out of it could not be played here.
WORLD_SRC := $(filter-out tests/sim/main.c,$(wildcard tests/sim/*.c))
$(SCENARIO): $(call objects,$(wildcard tests/scenario/*.c) $(WORLD_SRC)) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^

# So does the simulator. It names the commit that it was built from (or SIM_COMMIT of the environment).
$(SIM): $(BUILD)/tests/sim/main.o $(call objects,$(WORLD_SRC)) $(LIBPOLICY)
	$(call say,LD,$@)$(CC) $(LDFLAGS) -o $@ $^

$(BUILD)/commit: always
	@mkdir -p $(@D)
	@git rev-parse --short HEAD > $@.new 2>/dev/null || echo unknown > $@.new
	@cmp -s $@.new $@ && rm -f $@.new || mv $@.new $@
.PHONY: always

$(BUILD)/tests/sim/farm.o: $(BUILD)/commit
$(BUILD)/tests/sim/farm.o: CFLAGS += -DSIM_COMMIT='"$(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)"'

test-tools: $(EMULATOR) $(WRITER) $(SHIM) $(SCENARIO) $(SIM) $(UNIT_BIN)

# What is run of the sanitizer variant.
sanitized: $(SCENARIO) $(SIM) $(UNIT_BIN)

help: ## List the targets
	@printf 'failoverd: make targets\n\n'
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nVariables: DESTDIR, PREFIX (install), V=1 (show commands), KEEP=1 (keep a failed lab)\n'

setup: ## Install the Debian packages that building and testing need
	@.ci/setup.sh

demo: setup ## Three regions on this machine; one is killed; watch the failover
	@$(MAKE) --no-print-directory -j2 all $(EMULATOR) $(WRITER)
	@python3 tests/regions/demo.py

test: setup ## Build and run every test (under ten minutes on two cores)
	@$(MAKE) --no-print-directory -j2 all test-tools
	@python3 tests/run.py all

unit: ## Unit tests alone
	@$(MAKE) --no-print-directory -j2 test-tools && python3 tests/run.py unit

sanitize: ## Unit and scenario tests under ASan and UBSan
	@$(MAKE) --no-print-directory -j2 VARIANT=asan sanitized && python3 tests/run.py sanitize

scenario: ## Scenario scripts of the core
	@$(MAKE) --no-print-directory $(SCENARIO) && python3 tests/run.py scenario

sim: ## The simulator: SEEDS=10000 of them, or SEED=n with its trace
	@$(MAKE) --no-print-directory -j2 $(SIM)
	@$(SIM) $(if $(SEED),--seed $(SEED) -v,--seeds $(or $(SEEDS),10000)) $(SIM_ARGS)

soak: ## The simulator for MINUTES=n, from a seed that nobody has played yet
	@$(MAKE) --no-print-directory -j2 $(SIM)
	@$(SIM) --minutes $(or $(MINUTES),10) --first $(or $(FIRST),$$(date +%s)0000) $(SIM_ARGS)

.PHONY: sim soak
coverage: ## Lines and branches of policy/ that scenarios and simulator reach
	@$(MAKE) --no-print-directory -j2 VARIANT=coverage coverage-report

.PHONY: coverage coverage-report
coverage-report: $(SCENARIO) $(SIM)
	@python3 tests/coverage/report.py --build $(BUILD) --player $(SCENARIO) \
	    $(if $(SIM),--sim $(SIM) --seeds $(or $(SEEDS),2000)) $(COVERAGE_ARGS)

mutants: ## Weaken one safety rule at a time: the simulator has to catch each (MUTANTS_ARGS)
	@$(MAKE) --no-print-directory -j2 $(SIM) $(SCENARIO)
	@python3 tests/sim/mutants/mutants.py $(MUTANTS_ARGS)
.PHONY: mutants

model: setup ## A small model of register, lease and guard, every state of it (spin)
	@python3 tests/model/run.py

tidy: all ## Layering, purity, banned calls, options against samples and schema
	@python3 tests/run.py tidy

fidelity: ## The Route 53 emulator against the real aws command
	@$(MAKE) --no-print-directory $(EMULATOR) && python3 tests/run.py fidelity

e2e: ## End-to-end tests on real PostgreSQL, TLS, DNS
	@$(MAKE) --no-print-directory -j2 all test-tools && python3 tests/run.py e2e

lab: ## One writer, whatever happens: a handful of fixed rounds of the lab
	@$(MAKE) --no-print-directory -j2 all $(EMULATOR) $(WRITER) $(SHIM)
	@python3 tests/e2e/one_writer_test.py

chaos: ## Rounds of drawn faults, each checked: ROUNDS=20 SEED=n FENCE=kernel|door (CHAOS_ARGS)
	@$(MAKE) --no-print-directory -j2 all $(EMULATOR) $(WRITER) $(SHIM)
	@python3 tests/regions/chaos.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(SEED),--seed $(SEED)) \
	    --fence $(or $(FENCE),kernel) $(CHAOS_ARGS)
.PHONY: lab chaos

$(BUILD)/tests/hung_disk.so: tests/bench/hung_disk.c
	@mkdir -p $(@D)
	$(call say,LD,$@)$(CC) -std=c17 -D_GNU_SOURCE -O2 -Wall -Wextra -fPIC -shared -o $@ $< -ldl

bench: $(BUILD)/tests/hung_disk.so ## What the coordinator itself takes, from majority to UPSERT; idle cost; longest stall
	@$(MAKE) --no-print-directory -j2 all $(EMULATOR) $(WRITER)
	@python3 tests/bench/bench.py
	@python3 tests/bench/stall.py

bench-commit-lease: ## What the commit lease costs: pgbench without and with it, in pairs
	@$(MAKE) --no-print-directory -j2 all $(EMULATOR) $(WRITER)
	@python3 tests/bench/commit_lease_bench.py $(BENCH_ARGS)

.PHONY: bench-commit-lease

man: all ## The man pages, in build/man
	@python3 etc/man/pages.py $(BUILD) $(BUILD)/man
.PHONY: man

install: all man ## Install programs, man pages, completion, units, samples and schemas (DESTDIR, PREFIX)
	install -d $(DESTDIR)$(PREFIX)/bin \
	    $(DESTDIR)$(PREFIX)/share/failoverd/hooks $(DESTDIR)$(PREFIX)/lib/systemd/system \
	    $(DESTDIR)$(PREFIX)/lib/sysusers.d $(DESTDIR)$(PREFIX)/share/man/man5 $(DESTDIR)$(PREFIX)/share/man/man8 \
	    $(DESTDIR)$(PREFIX)/share/bash-completion/completions
	install -m 0644 etc/bash-completion/failoverctl $(DESTDIR)$(PREFIX)/share/bash-completion/completions/failoverctl
	install -m 0644 $(BUILD)/man/*.5 $(DESTDIR)$(PREFIX)/share/man/man5/
	install -m 0644 $(BUILD)/man/*.8 $(DESTDIR)$(PREFIX)/share/man/man8/
	install -m 0644 etc/failoverd.sysusers $(DESTDIR)$(PREFIX)/lib/sysusers.d/failoverd.conf
	install -m 0755 $(BUILD)/failoverd $(DESTDIR)$(PREFIX)/bin/failoverd
	install -m 0755 $(BUILD)/failoverctl $(DESTDIR)$(PREFIX)/bin/failoverctl
	install -m 0644 etc/*.json etc/*.sql etc/*.conf etc/README.md $(DESTDIR)$(PREFIX)/share/failoverd/
	install -m 0755 etc/hooks/* $(DESTDIR)$(PREFIX)/share/failoverd/hooks/
	sed -i 's|/usr/share/failoverd|$(PREFIX)/share/failoverd|' $(DESTDIR)$(PREFIX)/share/failoverd/*.conf
	sed 's|/usr/bin/failoverd|$(PREFIX)/bin/failoverd|' etc/failoverd.service \
	    > $(DESTDIR)$(PREFIX)/lib/systemd/system/failoverd.service

clean: ## Remove what was built
	rm -rf build

-include $(shell find build -name '*.d' 2>/dev/null)
