/* SPDX-License-Identifier: Apache-2.0
 *
 * zhangban: command line. The configuration is read before any command runs: file named by --config or ZHANGBAN_CONF, then the
 * environment.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "gateway/app.h"
#include "gateway/command.h"

static const struct command commands[] = {
    {"serve", "", "run the gateway until SIGINT or SIGTERM",
     "Opens the data directory, migrates, starts a private redis-server unless `redis` is configured, and prints\n"
     "`zhangban ready http://HOST:PORT` once it answers. The first signal drains, a second one ends at once.\n",
     command_serve},
    {"demo", "[--seed N] [--seconds N] [--until DATE] [--exit]", "play the year 2018 over the imported plan",
     "Simulated people work through the plan from 2018-03-12 on; open /board while it runs. --seconds: how long it takes (60; 0: as fast as it\n"
     "can). The same seed gives the same bytes in demo-result.json and outbox.log. Data: ZHANGBAN_DATA, or ./var/demo; an earlier run there is\n"
     "wiped. --exit: ends after the last day.\n",
     command_demo},
    {"push", "[--worker NAME]", "deliver messages in a process of its own",
     "Any number may run beside one record store; the gateway then runs with push.in_process = false. NAME (letters,\n"
     "digits, . _ -) tells the workers apart in the records; two of one name are refused. Without it: the first of push, push-2, ...\n"
     "that is free.\n",
     command_push},
    {"import", "[--confirm-past REASON] DIR", "import units.json and tasks.json of DIR",
     "Good rows go in as drafts, each bad row is listed with file, place, field and rule; exit status 1 if there is any.\n"
     "The same files again change nothing. Deadlines that are past go in only with --confirm-past.\n",
     command_import},
    {"person", "--add ID --name NAME --roles WORDS [--unit CODE] [--title TEXT] | --deactivate ID", "put a person in, or take one out",
     "WORDS: leader, dispatcher, approver, responsible, monitor, admin, auditor, display, joined by commas. The phone number is read from\n"
     "standard input (an empty line: none), so that it stands in no list of processes: echo 13800000000 | zhangban person --add ...\n",
     command_person},
    {"session", "--person ID [--client WORD]", "make a session and print its token",
     "For operators with access to the data directory; on the ledger. Leaders only in demo mode.\n", command_session},
    {"verify-ledger", "", "recompute the chain of records offline",
     "Prints one line per finding and a summary; exit status 1 if there is any finding. Changes nothing.\n", command_verify_ledger},
    {"rebuild", "", "restore everything in Redis that the records know", "Safe beside a running server.\n", command_rebuild},
    {"check-config", "", "print the configuration as it is in force", "Exit status 2 and one line saying where, if it is wrong.\n",
     command_check_config},
    {"openapi", "", "print the OpenAPI 3.1 description", "", command_openapi},
    {"clock", "--show | --set TIME | --advance DURATION", "the business clock of a demo",
     "TIME: 2018-03-12T08:30+08:00. DURATION: 90m, 36h, 10d. All work that falls due in between happens, in order. Demo only.\n",
     command_clock},
    {"system-key", "--id ID --name NAME", "make an API key for another system and print its secret once",
     "How requests are signed is written in docs/API.md.\n", command_system_key},
};

static void usage(FILE *out) {
    fprintf(out, "zhangban %s: mobile push and notification gateway\n\nusage: zhangban [--config FILE] COMMAND [options]\n\n", ZB_VERSION);
    for (size_t i = 0; i < ARRAY_N(commands); i++) fprintf(out, "  %-14s %s\n", commands[i].name, commands[i].what);
    fprintf(out, "\n`zhangban COMMAND --help` tells more; `zhangban check-config` lists every option with its value.\n");
}

const char *command_option(int argc, char **argv, int *i, const char *name) {
    size_t n = strlen(name);
    if (strncmp(argv[*i], name, n) != 0) return NULL;
    if (argv[*i][n] == '=') return argv[*i] + n + 1;
    if (argv[*i][n] != '\0' || *i + 1 >= argc) return NULL;
    return argv[++*i];
}

int command_bad_option(const char *word) {
    fprintf(stderr, "zhangban: \"%s\" is not understood here or lacks its value; try --help\n", word);
    return 2;
}

static int help(const struct command *c) {
    printf("usage: zhangban %s%s%s\n\n%s.\n%s", c->name, *c->usage ? " " : "", c->usage, c->what, c->help);
    return 0;
}

int main(int argc, char **argv) {
    const char *file = NULL, *word;
    char        why[512];
    int         i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            usage(stdout);
            return 0;
        }
        if (strcmp(argv[i], "--version") == 0) {
            printf("zhangban %s\n", ZB_VERSION);
            return 0;
        }
        if ((word = command_option(argc, argv, &i, "--config")) == NULL) return command_bad_option(argv[i]);
        file = word;
    }
    if (i >= argc || strcmp(argv[i], "help") == 0) {
        usage(i >= argc ? stderr : stdout);
        return i >= argc ? 2 : 0;
    }
    const struct command *c = NULL;
    for (size_t k = 0; k < ARRAY_N(commands); k++)
        if (strcmp(argv[i], commands[k].name) == 0) c = &commands[k];
    if (c == NULL) {
        fprintf(stderr, "zhangban: no command \"%s\"; `zhangban help` lists them\n", argv[i]);
        return 2;
    }
    for (int k = i + 1; k < argc; k++)
        if (strcmp(argv[k], "--help") == 0 || strcmp(argv[k], "-h") == 0) return help(c);
    static struct conf conf;
    if (conf_load(&conf, file, why, sizeof why) != ERR_OK) {
        fprintf(stderr, "zhangban: %s\n", why);
        return 2;
    }
    return c->run(&conf, argc - i, argv + i);
}
