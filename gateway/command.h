/* SPDX-License-Identifier: Apache-2.0
 *
 * Operator commands: `zhangban NAME [options]`. Each row of the table in main.c is one; each explains itself with --help. They run on
 * the main thread, beside a running server or without one, with access to the data directory.
 */
#ifndef ZB_GATEWAY_COMMAND_H
#define ZB_GATEWAY_COMMAND_H

#include <signal.h>

#include "base/conf.h"

struct command {
    const char *name, *usage, *what; /* usage: what stands behind the name */
    const char *help;                /* further lines, may be "" */
    int (*run)(const struct conf *conf, int argc, char **argv); /* argv[0] is the command's name; exit status */
};

/* The value of --name=VALUE or --name VALUE at argv[*i] (which it moves); NULL when argv[*i] is another word. */
const char *command_option(int argc, char **argv, int *i, const char *name);
/* SIGINT, SIGTERM and SIGHUP wait in the set from here on: before the first thread. SIGPIPE is ignored. */
void        command_block_signals(sigset_t *set);
int         command_bad_option(const char *word); /* says so, returns 2 */

int command_serve(const struct conf *conf, int argc, char **argv);
int command_demo(const struct conf *conf, int argc, char **argv);
int command_push(const struct conf *conf, int argc, char **argv);
int command_import(const struct conf *conf, int argc, char **argv);
int command_session(const struct conf *conf, int argc, char **argv);
int command_person(const struct conf *conf, int argc, char **argv);
int command_verify_ledger(const struct conf *conf, int argc, char **argv);
int command_rebuild(const struct conf *conf, int argc, char **argv);
int command_check_config(const struct conf *conf, int argc, char **argv);
int command_openapi(const struct conf *conf, int argc, char **argv);
int command_clock(const struct conf *conf, int argc, char **argv);
int command_system_key(const struct conf *conf, int argc, char **argv);

#endif
