/* What the parts of the election ask of each other; nobody else includes this. */
#ifndef HEARTHGRID_VOTER_H
#define HEARTHGRID_VOTER_H

#include "election.h"

#define HG_NEVER ((double)INFINITY)

/* voter.c: promises and answers. */
void hg_voter_receive(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out);
void hg_voter_overhear(hg_election_t *e, const hg_message_t *m, hg_actions_t *out);
void hg_voter_adopt(hg_election_t *e, double now, uint32_t term);
void hg_voter_stand_down(hg_election_t *e);
void hg_voter_follow(hg_election_t *e, double now, hg_member_t leader, uint32_t term, uint8_t mode);
double hg_voter_patience(hg_election_t *e);
hg_role_t hg_voter_seat(const hg_election_t *e);
bool hg_voter_votes(const hg_election_t *e);
bool hg_voter_sticky(const hg_election_t *e, double now);

/* recall.c: lost memory; no majority. */
void hg_recall_begin(hg_election_t *e, double now, hg_actions_t *out);
void hg_recall_on_recall(const hg_election_t *e, const hg_message_t *m, hg_actions_t *out);
void hg_recall_on_reply(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out);
void hg_recall_judge_provisional(hg_election_t *e, double now, hg_actions_t *out);
void hg_recall_on_provisional(hg_election_t *e, double now, const hg_message_t *m);

/* say.c: what goes out. */
hg_message_t hg_say_word(const hg_election_t *e, hg_kind_t kind, hg_member_t receiver, uint32_t term, uint64_t round);
void hg_say_send(hg_actions_t *out, const hg_message_t *message);
uint32_t hg_say_persist(hg_election_t *e, hg_actions_t *out);
/* Say it once write `number` is safe. */
void hg_say_after(hg_election_t *e, uint32_t number, const hg_message_t *message);
/* Take the words that write `number` releases; returns how many. */
size_t hg_say_release(hg_election_t *e, uint32_t number, hg_message_t ready[HG_WAITING_MAX]);

/* leader.c: candidates and leaders. */
void hg_leader_canvass(hg_election_t *e, double now, hg_actions_t *out);
void hg_leader_ask(hg_election_t *e, double now, hg_actions_t *out);
void hg_leader_count(hg_election_t *e, double now, hg_member_t voter, hg_actions_t *out);
void hg_leader_on_vote_reply(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out);
void hg_leader_on_heartbeat_reply(hg_election_t *e, double now, const hg_message_t *m);
void hg_leader_beat(hg_election_t *e, double now, hg_actions_t *out);
void hg_leader_prod(hg_election_t *e, double now, hg_actions_t *out);
void hg_leader_bus(hg_election_t *e, double now, const hg_bus_seen_t *seen, hg_actions_t *out);

#endif
