/* The table of commands: see commands.h. */
#include "coordinator/operator/commands.h"

#include <string.h>

#include "coordinator/config/config.h"

#define SERVICE_PARAMETER { "service", PARAMETER_NAME, true, false }

static const struct command commands[COMMAND_COUNT] = {
    [COMMAND_STATUS] = { COMMAND_STATUS, "status", "[SERVICE] [--verbose] [--watch [--interval DURATION]]", ROLE_READ, true, false,
      "what this node sees, who is the writer, what is wrong, what would happen",
      "  --verbose            also peers, this node's checks, and every gate\n"
      "  --watch              again and again, in place, until Ctrl-C (exit code 0);\n"
      "                       says how old the picture is, and when failoverd does not\n"
      "                       answer. Into a file or a pipe: a block each interval;\n"
      "                       with --json a document a line\n"
      "  --interval DURATION  of --watch, 100ms to 1h (default 1s)\n",
      { { "service", PARAMETER_NAME, false, false } } },
    [COMMAND_EXPLAIN] = { COMMAND_EXPLAIN, "explain", "SERVICE", ROLE_READ, true, false,
      "why it has (not) failed over, what would make it act, what would be lost",
      "  Every vote and every gate with value, limit, age and who observed it; what\n"
      "  the fence is and what would prove it; whether commits hang. What is not known\n"
      "  here is said to be not known.\n",
      { SERVICE_PARAMETER } },
    [COMMAND_PLAN] = { COMMAND_PLAN, "plan", "failover|switchover|failback SERVICE [--to REGION] [options]",
      ROLE_READ, true, false,
      "what would be done, step by step, how long it took before, and what holds it back; changes nothing",
      "  --to REGION         the region that would become the writer (default: the\n"
      "                      best candidate; for a failback the initial_writer of\n"
      "                      cluster.json)\n"
      "  --skip-gate GATE    as if this gate were skipped (may be given more than\n"
      "                      once)\n"
      "  --accept-loss BYTES|TIME\n"
      "                      as if this much might be lost: 16MiB, 90s (failover only)\n"
      "  Exit code 0: it would begin; 3: it would be refused. A failback is a rejoin\n"
      "  of the old primary and then a switchover to where the service began; it says\n"
      "  which of the two is ready.\n",
      { { "operation", PARAMETER_PLANNED, true, false }, SERVICE_PARAMETER, { "to", PARAMETER_NAME, false, false },
        { "skip_gates", PARAMETER_GATES, false, false }, { "accept_loss_bytes", PARAMETER_BYTES, false, false },
        { "accept_loss_ms", PARAMETER_LOST, false, false } } },
    [COMMAND_FAILOVER] = { COMMAND_FAILOVER, "failover",
      "SERVICE --to REGION --reason TEXT [options]", ROLE_OPERATE, true, true,
      "make REGION the writer: fence the old one, promote, change DNS",
      "  --to REGION           the region that is to become the writer\n"
      "  --reason TEXT         why; goes into the audit trail with your name\n"
      "  --skip-gate GATE      go on although this gate is shut (may be given more\n"
      "                        than once; needs the role force). Forcing a healthy\n"
      "                        writer out needs majority_failed\n"
      "  --accept-loss BYTES|TIME\n"
      "                        up to this much may be lost instead of the service's\n"
      "                        RPO: 4096, 16MiB, 90s, 10m (role force). Give it twice\n"
      "                        for both; of a kind not given the RPO holds. A time\n"
      "                        that is not known is never accepted this way:\n"
      "                        --skip-gate loss_within_rpo\n"
      "  --dry-run             show the gates and the steps, change nothing\n"
      "  --yes                 don't ask for the region's name\n"
      "  --no-wait             return as soon as the operation has begun (exit code 6)\n"
      "  --break-glass         the quorum is gone: promote and open this node's\n"
      "                        database at your word that the old one is dead (role\n"
      "                        force; on a guard of REGION). Shows what can't be\n"
      "                        known, asks for the region's name and how you know.\n"
      "                        Refused while a majority is heard. Leaves a mark that a\n"
      "                        person has to end (failoverctl reconcile); says which\n"
      "                        DNS to change\n"
      "  --old-is-dead TEXT    how you know that the old database is dead; with --yes\n"
      "                        it has to be given\n"
      "  Exit code 0: REGION writes, and that was verified. 1: it failed, or went\n"
      "  back. 3: a gate is shut, which is named. 6: it still runs; failoverctl wait\n"
      "  ID follows it.\n",
      { SERVICE_PARAMETER, { "to", PARAMETER_NAME, true, false },
        { "reason", PARAMETER_TEXT, false, false }, { "skip_gates", PARAMETER_GATES, false, true },
        { "accept_loss_bytes", PARAMETER_BYTES, false, true }, { "accept_loss_ms", PARAMETER_LOST, false, true },
        { "dry_run", PARAMETER_FLAG, false, false }, { "break_glass", PARAMETER_FLAG, false, true },
        { "old_is_dead", PARAMETER_TEXT, false, true } } },
    [COMMAND_SWITCHOVER] = { COMMAND_SWITCHOVER, "switchover",
      "SERVICE --to REGION --reason TEXT [options]", ROLE_OPERATE, true, true,
      "move a writer that is well to REGION, as planned: nothing is lost, or it goes back",
      "  --to REGION       the region that is to become the writer\n"
      "  --reason TEXT     why; goes into the audit trail with your name\n"
      "  --at TIME         not now but then, within 7 days: 02:30 (UTC, today or\n"
      "                    tomorrow), or with the date 2026-11-22T02:30Z. It begins if\n"
      "                    every gate is open then or within 5 minutes, else it is\n"
      "                    withdrawn, as it is by whatever moves the writer before\n"
      "  --skip-gate GATE  go on although this gate is shut (may be given more than\n"
      "                    once; needs the role force). Not fence: only the old\n"
      "                    writer's own guard says what it wrote last\n"
      "  --dry-run         show the gates and the steps, change nothing\n"
      "  --yes             don't ask for the region's name\n"
      "  --no-wait         return as soon as the operation has begun (exit code 6)\n"
      "  The old writer is fenced first: writes pause from then until REGION is open,\n"
      "  or until it went back. Its guard confirms that, REGION gets all that was ever\n"
      "  acknowledged, and only then is promoted. If it does not get all of it by\n"
      "  step_deadline.fence, the old writer opens again and the exit code is 1.\n"
      "  Afterwards the old primary is no standby yet: failoverctl rejoin SERVICE on\n"
      "  its node, as after a failover.\n",
      { SERVICE_PARAMETER, { "to", PARAMETER_NAME, true, false },
        { "reason", PARAMETER_TEXT, false, false }, { "skip_gates", PARAMETER_GATES, false, true },
        { "at_ms", PARAMETER_AT, false, false }, { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_APPROVE] = { COMMAND_APPROVE, "approve", "ID [--reason TEXT] [--yes]", ROLE_OPERATE, true, true,
      "let the proposed failover begin (mode approve)",
      "  ID             of the proposal, as status prints it; the operation has the\n"
      "                 same, so wait ID follows it\n"
      "  --reason TEXT  why; everybody sees it, with your name\n"
      "  --yes          don't ask for the region's name\n"
      "  On a terminal it shows the evidence first: votes, gates, and what would be\n"
      "  lost. It counts for this very proposal and no other, from any node. The\n"
      "  failover begins when every other gate is open and the voters have confirmed\n"
      "  once more that the region failed. Refused if it is withdrawn, declined, or\n"
      "  has begun.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, false, false } } },
    [COMMAND_DECLINE] = { COMMAND_DECLINE, "decline", "ID --reason TEXT", ROLE_OPERATE, true, true,
      "the proposed failover is not to be (mode approve), or the switchover that waits for its time",
      "  ID             of the proposal, or of a switchover that was put down for\n"
      "                 later, as status prints it\n"
      "  --reason TEXT  why; everybody sees it, with your name\n"
      "  Of a failover: nothing begins by itself then, and nothing is proposed anew,\n"
      "  before the region was well again. It is not taken back; failoverctl failover\n"
      "  SERVICE --to REGION still does it at a person's word. A switchover for a time\n"
      "  to come (--at) is cancelled, and may be put down again.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_FAILBACK] = { COMMAND_FAILBACK, "failback",
      "SERVICE [--shift PERCENTS] [--hold DURATION] --reason TEXT [options]", ROLE_OPERATE, true, true,
      "bring a service home: a switchover to its initial_writer, then its traffic stage by stage",
      "  --shift PERCENTS  how much of the traffic is at home, stage by stage, up to\n"
      "                    100 (default 10,50,100)\n"
      "  --hold DURATION   how long home has to stay well at each stage before the\n"
      "                    next, to 24h (default 5m)\n"
      "  --reason TEXT     why; goes into the audit trail with your name\n"
      "  --skip-gate GATE  go on although this gate is shut (may be given more than\n"
      "                    once; needs the role force). Not fence, as of a switchover\n"
      "  --dry-run         show whether it is ready, the gates, the steps and the\n"
      "                    stages; change nothing\n"
      "  --yes             don't ask for the service's name\n"
      "  --no-wait         return as soon as the operation has begun (exit code 6)\n"
      "  The old primary has to stream from the writer again before: else it is\n"
      "  refused (exit code 3) with what to run. Stages need weighted records; without\n"
      "  any, all of the traffic comes at once, as --dry-run says. When home gets\n"
      "  worse at a stage, the traffic goes back by itself and waits; the database\n"
      "  stays at home. failoverctl operation pause ID holds a stage, operation skip\n"
      "  ID goes on to the next at once, operation abort ID sends the traffic back,\n"
      "  operation resume ID lets it come again from the first stage.\n",
      { SERVICE_PARAMETER, { "shift", PARAMETER_STAGES, false, false }, { "hold_ms", PARAMETER_HOLD, false, false },
        { "reason", PARAMETER_TEXT, false, false }, { "skip_gates", PARAMETER_GATES, false, true },
        { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_DNS_ADOPT] = { COMMAND_DNS_ADOPT, "dns adopt", "SERVICE --reason TEXT [--yes] [--no-wait]",
      ROLE_OPERATE, true, true,
      "take over the service's DNS records as they are found, for the present writer",
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  --yes          don't ask for the service's name\n"
      "  --no-wait      return as soon as the operation has begun (exit code 6)\n"
      "  Replaces the mark in each zone by ours and sets the records for the present\n"
      "  writer, also where the mark is missing or somebody else's. Look at the zone\n"
      "  first.\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_HISTORY] = { COMMAND_HISTORY, "history", "[SERVICE] [--limit N]", ROLE_READ, true, false,
      "operations with their steps, times, gates, loss and fence proof",
      "  --limit N       the newest N only\n",
      { { "service", PARAMETER_NAME, false, false }, { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_MAY_WRITE] = { COMMAND_MAY_WRITE, "may-write", "SERVICE [--wait DURATION]", ROLE_READ, true, false,
      "may this host's database start as a primary now? for its unit (exit codes 0, 7, 8)",
      "  --wait DURATION  ask again until it may, or another region is the writer, or\n"
      "                   this long (such as 60s) has passed\n"
      "\n"
      "  Exit code 0 only if it may: this node is the guard that the ledger names and\n"
      "  holds the lease. 7: no, another region is the writer, or none is. 8: can't\n"
      "  know: no quorum, no failoverd here, no guard of this database, no such\n"
      "  service. etc/postgresql-may-write.conf puts it before PostgreSQL's start.\n",
      { SERVICE_PARAMETER } },
    [COMMAND_REJOIN] = { COMMAND_REJOIN, "rejoin", "SERVICE --reason TEXT [options]", ROLE_OPERATE, true, true,
      "make the old primary a standby of the new one, or say how",
      "  --reason TEXT    why; goes into the audit trail with your name\n"
      "  --region REGION  whose database it is, where more than one could be meant\n"
      "  --dry-run        show what would be run, change nothing\n"
      "  --without-list   go on although what only this database has could not be\n"
      "                   listed before\n"
      "  --yes            don't ask for the service's name\n"
      "  --no-wait        return as soon as the hook runs (exit code 6)\n"
      "  From any node; carried out by a coordinator of the old primary's region. Runs\n"
      "  hooks.rejoin of cluster.json there and then waits until the database streams\n"
      "  from the writer; without that hook it shows the commands and exits with 3.\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, false, false }, { "region", PARAMETER_NAME, false, false },
        { "without_list", PARAMETER_FLAG, false, false }, { "dry_run", PARAMETER_FLAG, false, false } } },
    [COMMAND_RECONCILE] = { COMMAND_RECONCILE, "reconcile", "SERVICE --keep REGION --reason TEXT [options]", ROLE_FORCE,
      true, true, "end a broken glass: say which side is kept, the marked one or the ledger's",
      "  --keep REGION     whose data go on. The marked region: an operation makes it\n"
      "                    the writer under a lease, and changes DNS. The ledger's:\n"
      "                    the marked one is shut, and rejoins like any old primary\n"
      "  --reason TEXT     why; goes into the audit trail with your name\n"
      "  --skip-gate GATE  go on although this gate is shut (may be given more than\n"
      "                    once). fence: at your word that the marked database is\n"
      "                    dead, where its node is gone and can't confirm that it is\n"
      "                    shut\n"
      "  --dry-run         show both sides, change nothing\n"
      "  --yes             don't ask for the region's name\n"
      "  --no-wait         return as soon as it has begun (exit code 6)\n"
      "  Shows both sides first: where they parted, and what each has beyond that, which is lost if the other is "
      "kept.\n",
      { SERVICE_PARAMETER, { "keep", PARAMETER_NAME, true, false }, { "reason", PARAMETER_TEXT, true, false },
        { "mark", PARAMETER_HEX, true, false }, { "skip_gates", PARAMETER_GATES, false, true } } },
    [COMMAND_EVENTS] = { COMMAND_EVENTS, "events", "[SERVICE] [--follow] [--since TIME|N]", ROLE_READ, true, false,
      "what this node's journal tells: the newest events, and with --follow those that come",
      "  --follow      and those that come, until Ctrl-C (exit code 0); says where\n"
      "                some are missing, and when failoverd does not answer or was\n"
      "                restarted\n"
      "  --since N     the newest N, 1 to 1000 (default 20)\n"
      "  --since TIME  from then on: an age (10m, 2h) or UTC (2026-11-21T10:17,\n"
      "                seconds may follow)\n"
      "  With --json a line of the journal a line. failoverd keeps some 1,000 events\n"
      "  at hand; older ones are in the journal's file.\n",
      { { "service", PARAMETER_NAME, false, false }, { "after", PARAMETER_SEQ, false, false },
        { "run", PARAMETER_HEX, false, false }, { "since", PARAMETER_TIME, false, false },
        { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_PROBE] = { COMMAND_PROBE, "probe", "SERVICE CHECK [--region REGION]", ROLE_READ, true, false,
      "run one check now, from this node, and show each phase (exit codes 0 passed, 1 not)",
      "  CHECK            its name in cluster.json; status --verbose lists them\n"
      "  --region REGION  where more than one region has a check of that name\n"
      "  A look and no more: the round is not counted, and beside it stands what this\n"
      "  node judges by the check's own turns. It begins anew: the name is looked up,\n"
      "  a database logged in to. Exit code 0: it passed. 1: it failed, or this node\n"
      "  could not look. 3: a round of it runs for somebody else. Ask on other nodes\n"
      "  what they see.\n",
      { SERVICE_PARAMETER, { "check", PARAMETER_NAME, true, false }, { "region", PARAMETER_NAME, false, false } } },
    [COMMAND_INCIDENTS] = { COMMAND_INCIDENTS, "incidents", "", ROLE_READ, true, false,
      "what people were told of and is not over, who takes care, and whether each channel works",
      "  As this node sees it. Of an operation the incident's id is the operation's.\n", { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_ACK] = { COMMAND_ACK, "ack", "ID [--reason TEXT]", ROLE_OPERATE, true, true,
      "say that you take care of an incident, so that nobody else is called for it",
      "  ID             as messages and failoverctl incidents have it\n"
      "  --reason TEXT  goes into the audit trail with your name\n"
      "  Any node may be asked: it tells the others, and failoverctl incidents shows\n"
      "  on each who takes care. A node that can't be heard now learns of it when it\n"
      "  is back. Nothing else changes: an operation goes on, and the incident is over\n"
      "  when it is over. Exit code 1: it is not open on this node; the others were\n"
      "  told all the same, and failoverctl incidents on the node that sent the\n"
      "  message shows whether it was known there.\n",
      { { "incident", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, false, false } } },
    [COMMAND_NOTIFY_TEST] = { COMMAND_NOTIFY_TEST, "notify test", "CHANNEL", ROLE_OPERATE, true, true,
      "send a test over one channel now, from this node, and say what came back",
      "  CHANNEL  its name in notify.channels of cluster.json\n"
      "  Exit code 0: it was taken. 1: it was not, and why. Of pagerduty it opens an\n"
      "  incident: resolve it there.\n",
      { { "channel", PARAMETER_NAME, true, false } } },
    [COMMAND_WAIT] = { COMMAND_WAIT, "wait", "ID [--timeout SECONDS]", ROLE_READ, false, false,
      "wait for the end of an operation, showing its steps (exit codes 0, 1, 5, 6)",
      "  ID                 as accepted orders print it, or history\n"
      "  --timeout SECONDS  not longer than this (default: as long as it takes)\n"
      "  Exit code 0: done and verified. 1: failed, or it went back. 5: no failoverd\n"
      "  answers. 6: it still runs (the time is over, or Ctrl-C, which leaves the\n"
      "  operation alone). 2: no such operation is known here.\n",
      { { "operation", PARAMETER_HEX, true, false } } },
    [COMMAND_OPERATION_SHOW] = { COMMAND_OPERATION_SHOW, "operation show", "ID", ROLE_READ, false, false,
      "one operation: how it stands, or when it is over its entry in the history",
      "  ID  as accepted orders print it, or history\n",
      { { "operation", PARAMETER_HEX, true, false } } },
    [COMMAND_PAUSE] = { COMMAND_PAUSE, "pause", "SERVICE|all [--for DURATION|--until-resumed] --reason TEXT",
      ROLE_OPERATE, true, true,
      "no failover begins by itself, for a while",
      "  all, or --all: every service of the cluster, one after the other; the exit\n"
      "  code is the worst of them.\n"
      "  --all            the same as all\n"
      "  --for DURATION   how long, such as 30m or 8h (default 1h, at most 7 days); it\n"
      "                   ends by itself then\n"
      "  --until-resumed  until somebody resumes it, however long that is; so does\n"
      "                   --for 0\n"
      "  --reason TEXT    why; every node's status shows it with your name\n"
      "  While paused no failover begins by itself, and one that began by itself and\n"
      "  may still go back does. What a person ordered goes on, and people may still\n"
      "  order, with --skip-gate not_paused. Paused again: the new time counts.\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, true, false }, { "for_ms", PARAMETER_PAUSE, false, false },
        { "until_resumed", PARAMETER_FLAG, false, false } } },
    [COMMAND_RESUME] = { COMMAND_RESUME, "resume", "SERVICE|all --reason TEXT", ROLE_OPERATE, true, true,
      "end a pause: failovers begin by themselves again",
      "  all, or --all: every service of the cluster that is paused; the exit code is\n"
      "  the worst of them.\n"
      "  --all          the same as all\n"
      "  --reason TEXT  why; goes into the audit trail with your name\n",
      { SERVICE_PARAMETER, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_OPERATION_PAUSE] = { COMMAND_OPERATION_PAUSE, "operation pause", "ID --reason TEXT", ROLE_OPERATE, true,
      true, "hold an operation: it goes neither on nor back until somebody says so",
      "  ID             as accepted orders print it, or status\n"
      "  --reason TEXT  why; every node's status shows it with your name\n"
      "  No step that has not begun begins, and no deadline runs. What was begun ends,\n"
      "  and fences and leases are kept as they would be. Held before its target is\n"
      "  the writer, writes stay off all the while.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_OPERATION_RESUME] = { COMMAND_OPERATION_RESUME, "operation resume", "ID --reason TEXT", ROLE_OPERATE, true,
      true, "let an operation go on that was held",
      "  ID             as accepted orders print it, or status\n"
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  What it rests on is looked at again first; a remote hook is run again.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_OPERATION_ABORT] = { COMMAND_OPERATION_ABORT, "operation abort", "ID --reason TEXT", ROLE_OPERATE, true,
      true, "send an operation back to the old writer, while that is possible",
      "  ID             as accepted orders print it, or status\n"
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  Possible until its target is named writer, which may have written then:\n"
      "  afterwards it is refused (exit code 3), and a switchover to the other region\n"
      "  loses nothing. Once said it is not taken back. A region that a remote hook\n"
      "  has cut off stays so until a person undoes that. Of a failback whose database\n"
      "  is home: all of its traffic goes back, and the database stays. That is taken\n"
      "  back by operation resume, which begins with the first stage.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_OPERATION_SKIP] = { COMMAND_OPERATION_SKIP, "operation skip", "ID --reason TEXT", ROLE_OPERATE, true,
      true, "bring a failback's next stage of traffic home at once",
      "  ID             as accepted orders print it, or status\n"
      "  --reason TEXT  why; every node's status shows it with your name\n"
      "  One stage a time, whatever is left of its hold. A stage that was held goes on\n"
      "  as well; traffic that was sent back has to be resumed instead.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_OPERATION_TICK] = { COMMAND_OPERATION_TICK, "operation tick", "ID ITEM [--reason TEXT]", ROLE_OPERATE, true, true,
      "say that an item of the operation's runbook is done; every node shows it",
      "  ID             of the operation that runs, or of the last one, as orders and\n"
      "                 status print it\n"
      "  ITEM           the item's id in runbook of cluster.json;\n"
      "                 failoverctl operation show ID lists them\n"
      "  --reason TEXT  what you saw, or why; goes into the audit trail with your name\n"
      "  Nothing waits for an item. Those that failoverd checks itself can't be\n"
      "  ticked, and a tick is not taken back.\n",
      { { "operation", PARAMETER_HEX, true, false }, { "item", PARAMETER_NAME, true, false },
        { "reason", PARAMETER_TEXT, false, false } } },
    [COMMAND_VOTER_LIST] = { COMMAND_VOTER_LIST, "voter list", "", ROLE_READ, true, false,
      "who has a vote, who is mute and why, and what a change that is under way waits for", "",
      { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_VOTER_ADD] = { COMMAND_VOTER_ADD, "voter add", "NODE --reason TEXT [--yes] [--no-wait]", ROLE_FORCE, true, true,
      "give a node of cluster.json a vote",
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  --yes          don't ask for the node's name\n"
      "  --no-wait      return as soon as the change has begun (exit code 6)\n"
      "  From 3 voters to 4 for a moment: add another one, or remove one.\n"
      "  cluster.json's voters only begin a new cluster; what is in force afterwards\n"
      "  is what voter list shows.\n",
      { { "node", PARAMETER_NAME, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_VOTER_REMOVE] = { COMMAND_VOTER_REMOVE, "voter remove", "NODE --reason TEXT [--yes] [--no-wait]",
      ROLE_FORCE, true, true, "take a node's vote away",
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  --yes          don't ask for the node's name\n"
      "  --no-wait      return as soon as the change has begun (exit code 6)\n"
      "  Also of one that is dead. At least 3 voters have to be left.\n",
      { { "node", PARAMETER_NAME, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_VOTER_REPLACE] = { COMMAND_VOTER_REPLACE, "voter replace", "NODE --reason TEXT [--yes] [--no-wait]",
      ROLE_FORCE, true, true, "give the vote of a node that lost its store to its new store",
      "  --reason TEXT  why; goes into the audit trail with your name\n"
      "  --yes          don't ask for the node's name\n"
      "  --no-wait      return as soon as the change has begun (exit code 6)\n"
      "  For a voter that stays mute since its store is gone, damaged or older than\n"
      "  the others know. First, on that node: move the old store away, failoverd\n"
      "  --format, start failoverd. Then this, at any node: one that is mute forwards it\n"
      "  to one that votes. The old store never votes again, should it turn up.\n",
      { { "node", PARAMETER_NAME, true, false }, { "reason", PARAMETER_TEXT, true, false } } },
    [COMMAND_AUDIT_VERIFY] = { COMMAND_AUDIT_VERIFY, "audit verify", "[FILE] [--expect HASH] [--node FILE]",
      ROLE_NONE, false, false, "is the audit trail whole? without a daemon (exit codes 0 whole, 1 broken)",
      "  FILE           the trail; left out: the one that node.json names, or\n"
      "                 " CONFIG_AUDIT_DEFAULT "\n"
      "  --expect HASH  a hash of the trail that was kept elsewhere: broken, too, if\n"
      "                 no line has it\n"
      "  --node FILE    usually /etc/failoverd/node.json\n"
      "  Shows lines that were changed, removed from within, inserted or moved.\n"
      "  Whoever can write the file can also cut its end off, or make all of it anew:\n"
      "  only a hash kept elsewhere shows that. The last line's is printed, and the\n"
      "  journal has each. Rotated files, oldest first: cat audit.jsonl.1 audit.jsonl\n"
      "  | failoverctl audit verify /dev/stdin\n",
      { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_AUDIT_SHOW] = { COMMAND_AUDIT_SHOW, "audit show", "[FILE] [--limit N] [--node FILE]",
      ROLE_NONE, false, false, "the newest lines of the audit trail: who ordered what, why, and what came of it",
      "  FILE         the trail; left out: the one that node.json names, or\n"
      "               " CONFIG_AUDIT_DEFAULT "\n"
      "  --limit N    the newest N only (default 20)\n"
      "  --node FILE  usually /etc/failoverd/node.json\n"
      "  Does not say whether the trail is whole; audit verify does.\n",
      { { "limit", PARAMETER_COUNT, false, false } } },
    [COMMAND_CHECK_CONFIG] = { COMMAND_CHECK_CONFIG, "check-config", "--cluster FILE [--node FILE]",
      ROLE_NONE, false, false, "check configuration files, without a daemon",
      "  --cluster FILE  usually /etc/failoverd/cluster.json\n"
      "  --node FILE     usually /etc/failoverd/node.json; without it the files it\n"
      "                  names are not looked at\n",
      { { NULL, PARAMETER_FLAG, false, false } } },
    [COMMAND_HELP] = { COMMAND_HELP, "help", "[COMMAND]", ROLE_NONE, false, false,
      "this text, or more about one command", "", { { NULL, PARAMETER_FLAG, false, false } } },
};

const char *control_role_name(enum control_role role)
{
    static const char *const names[] = { "none", "read", "operate", "force" };
    return (unsigned)role < sizeof names / sizeof names[0] ? names[role] : "none";
}

const char *planned_name(enum planned planned)
{
    static const char *const names[] = { "failover", "switchover", "failback" };
    return (unsigned)planned < PLANNED_COUNT ? names[planned] : "none";
}

const struct command *command_row(enum command_id id)
{
    return (unsigned)id < COMMAND_COUNT ? &commands[id] : NULL;
}

bool command_moves(enum command_id id)
{
    return id == COMMAND_FAILOVER || id == COMMAND_SWITCHOVER || id == COMMAND_FAILBACK;
}

bool command_says(enum command_id id)
{
    return id == COMMAND_PAUSE || id == COMMAND_RESUME || id == COMMAND_OPERATION_PAUSE ||
           id == COMMAND_OPERATION_RESUME || id == COMMAND_OPERATION_ABORT || id == COMMAND_OPERATION_SKIP;
}

bool command_answers(enum command_id id)
{
    return id == COMMAND_APPROVE || id == COMMAND_DECLINE;
}

const struct command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        if (strcmp(commands[i].name, name) == 0)
            return &commands[i];
    return NULL;
}

/* ---- help ---------------------------------------------------------------------------------- */

static const char common_options[] =
    "  --socket PATH      the daemon's socket (default /run/failoverd/control.sock)\n"
    "  --timeout SECONDS  how long to wait for one answer (default 15)\n"
    "  --json             one JSON document on stdout instead of tables\n"
    "  --no-color         no colours; so does NO_COLOR in the environment, or no terminal\n";

const char *command_common_options(void)
{
    return common_options;
}

void command_print_help(FILE *stream)
{
    fputs("failoverctl: see and steer failovers, through the failoverd of this machine\n\n"
          "usage: failoverctl [--socket PATH] [--timeout SECONDS] [--json] COMMAND ...\n\n"
          "commands:\n", stream);
    for (size_t i = 0; i < COMMAND_COUNT; i++)
        fprintf(stream, "  %s%s%s\n      %s\n", commands[i].name, commands[i].arguments[0] != '\0' ? " " : "",
                commands[i].arguments, commands[i].help);
    fprintf(stream, "\noptions:\n%s", common_options);
    fputs("\nexit codes:\n"
          "  0  done, and verified where there is something to verify\n"
          "  1  failed\n"
          "  2  the command line is wrong, the role does not allow it, or it was not\n"
          "     confirmed; nothing was changed\n"
          "  3  refused by a gate or by the service's state; nothing was changed (plan: it\n"
          "     would be refused)\n"
          "  4  no quorum: no majority of voters could be reached\n"
          "  5  no failoverd answers on the socket, or not as it should\n"
          "  6  the operation is still running; it goes on without failoverctl\n"
          "  7  may-write: no, this database may not start as a primary\n"
          "  8  may-write: whether it may can't be known\n", stream);
}

bool command_print_help_of(FILE *stream, const char *name)
{
    const struct command *command = command_find(name);
    if (command == NULL)
        return false;
    fprintf(stream, "usage: failoverctl %s%s%s\n%s\n", command->name, command->arguments[0] != '\0' ? " " : "",
            command->arguments, command->help);
    if (command->more[0] != '\0')
        fprintf(stream, "\n%s", command->more);
    bool force = false;
    for (size_t i = 0; i < COMMAND_PARAMETERS_MAX && command->parameters[i].key != NULL; i++)
        force = force || (command->parameters[i].force && command->role != ROLE_FORCE);
    if (command->role != ROLE_NONE)
        fprintf(stream, "\nNeeds the role %s%s (control in node.json).\n", control_role_name(command->role),
                force ? ", and force where that is said" : "");
    return true;
}

bool command_print_usage(FILE *stream, const char *name)
{
    size_t length = strlen(name);
    bool found = false;
    for (size_t i = 0; i < COMMAND_COUNT; i++) {
        const char *own = commands[i].name;
        if (strncmp(own, name, length) != 0 || (own[length] != '\0' && own[length] != ' '))
            continue;
        fprintf(stream, "%s failoverctl %s%s%s\n", found ? "      " : "usage:", own,
                commands[i].arguments[0] != '\0' ? " " : "", commands[i].arguments);
        found = true;
    }
    return found;
}
