/* A member that has lost its memory, and one that hears no majority. */
#include "voter.h"

#include <math.h>

static const hg_recalled_t *recalled_from(const hg_election_t *e, hg_member_t sender)
{
  for (size_t k = 0; k < e->recalled_count; k++) {
    if (e->recalled[k].sender == sender) {
      return &e->recalled[k];
    }
  }
  return NULL;
}

/* Remember again once a majority of the others has told; or begin anew where all answer and none remembers. */
static void judge_recall(hg_election_t *e, double now, hg_actions_t *out)
{
  const hg_committee_t *newest = NULL;
  uint32_t term = e->term;
  for (size_t k = 0; k < e->recalled_count; k++) {
    const hg_recalled_t *r = &e->recalled[k];
    if (r->remembers && (newest == NULL || hg_committee_compare(&r->committee, newest) > 0)) {
      newest = &r->committee;
    }
  }
  const bool known = newest != NULL;
  const hg_committee_t committee = known ? *newest : e->committee;
  size_t knowing = 0, silent = 0;
  for (size_t k = 0; k < committee.count; k++) {
    if (committee.members[k] != e->me) {
      const hg_recalled_t *r = recalled_from(e, committee.members[k]);
      knowing += r != NULL && r->remembers;
      silent += r == NULL;
    }
  }
  const bool told = knowing >= hg_committee_quorum(&committee);
  if (!told && (known || silent > 0)) {
    return;
  }
  for (size_t k = 0; k < e->recalled_count; k++) {
    const hg_recalled_t *r = &e->recalled[k];
    term = (r->remembers || !told) && r->term > term ? r->term : term;
  }
  e->term = term;
  if (!told) {
    e->has_began = true;
    e->began = term;
  }
  e->voted = HG_FORGOTTEN; /* not to be voted in again: the lost vote may have been in this term */
  e->remembers = true;
  e->recall_at = HG_NEVER;
  e->committee = hg_committee_compare(&e->committee, &committee) > 0 ? e->committee : committee;
  e->role = hg_voter_seat(e);
  e->timeout_at = now + hg_voter_patience(e);
  hg_say_persist(e, out);
}

void hg_recall_begin(hg_election_t *e, double now, hg_actions_t *out)
{
  e->round++;
  e->recalled_count = 0;
  const hg_message_t word = hg_say_word(e, HG_KIND_RECALL, HG_NOBODY, e->term, e->round);
  hg_say_send(out, &word);
  e->recall_at = now + e->settings.heartbeat;
  judge_recall(e, now, out); /* alone, there is nobody to ask */
}

void hg_recall_on_recall(const hg_election_t *e, const hg_message_t *m, hg_actions_t *out)
{
  if (hg_committee_has(&e->committee, e->me) || hg_committee_has(&m->committee, e->me)) {
    hg_message_t word = hg_say_word(e, HG_KIND_RECALL_REPLY, m->sender, e->term, m->round);
    word.granted = true;
    word.remembers = e->remembers && !(e->has_began && e->term == e->began);
    hg_say_send(out, &word);
  }
}

void hg_recall_on_reply(hg_election_t *e, double now, const hg_message_t *m, hg_actions_t *out)
{
  if (e->remembers || m->round != e->round) {
    return;
  }
  size_t place = 0;
  while (place < e->recalled_count && e->recalled[place].sender != m->sender) {
    place++;
  }
  if (place == HG_RECALLED_MAX) {
    return;
  }
  e->recalled_count += place == e->recalled_count;
  e->recalled[place] = (hg_recalled_t){.sender = m->sender, .remembers = m->remembers, .term = m->term,
                                       .committee = m->committee};
  judge_recall(e, now, out);
}

/* Without a majority. */

void hg_recall_judge_provisional(hg_election_t *e, double now, hg_actions_t *out)
{
  hg_member_t heard[HG_COMMITTEE_SIZE_MAX];
  const size_t count = hg_election_reachable(e, now, heard);
  e->provisional = e->role != HG_ROLE_OBSERVER && !hg_election_holds_lease(e, now) && count > 0 && heard[0] == e->me;
  if (e->provisional) {
    hg_message_t word = hg_say_word(e, HG_KIND_PROVISIONAL, HG_NOBODY, e->term, 0);
    word.leader = e->me;
    hg_say_send(out, &word);
  }
  e->provisional_at = now + e->settings.heartbeat;
}

void hg_recall_on_provisional(hg_election_t *e, double now, const hg_message_t *m)
{
  const size_t rank = hg_committee_rank(&e->committee, m->sender);
  if (rank < hg_committee_rank(&e->committee, e->me)) {
    e->provisional = false;
  }
  if (now > e->deputy_heard + e->settings.timeout || rank <= hg_committee_rank(&e->committee, e->deputy)) {
    e->deputy = m->sender;
    e->deputy_mode = m->mode;
    e->deputy_heard = now;
  }
}
