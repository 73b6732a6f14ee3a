#include <math.h>
#include <string.h>

#include "voter.h"

hg_message_t hg_say_word(const hg_election_t *e, hg_kind_t kind, hg_member_t receiver, uint32_t term, uint64_t round)
{
  return (hg_message_t){.incarnation = e->incarnation, .round = round, .term = term, .committee = e->committee,
                        .kind = (uint8_t)kind, .sender = e->me, .receiver = receiver, .mode = e->mode,
                        .remembers = e->remembers};
}

/* A list that is full drops words, as a network may; a write always finds a place, since none of the words before it
 * can fill the list. */
void hg_say_send(hg_actions_t *out, const hg_message_t *message)
{
  if (out->count < HG_ACTIONS_MAX) {
    out->items[out->count++] = (hg_action_t){.message = *message};
  }
}

uint32_t hg_say_persist(hg_election_t *e, hg_actions_t *out)
{
  e->asked_to_write++;
  if (out->count < HG_ACTIONS_MAX) {
    out->items[out->count++] = (hg_action_t){.persist = true,
                                             .number = e->asked_to_write,
                                             .durable = {.term = e->term, .voted = e->voted,
                                                         .committee = e->committee}};
  }
  return e->asked_to_write;
}

void hg_say_after(hg_election_t *e, uint32_t number, const hg_message_t *message)
{
  size_t kept = 0;
  for (size_t k = 0; k < e->waiting_count; k++) { /* what waits in an earlier term is never said */
    if (e->waiting[k].message.term == e->term) {
      e->waiting[kept++] = e->waiting[k];
    }
  }
  if (kept == HG_WAITING_MAX) { /* all say the same to the same: the oldest is asked for again */
    kept--;
    memmove(e->waiting, e->waiting + 1, kept * sizeof e->waiting[0]);
  }
  e->waiting[kept] = (hg_waiting_t){.number = number, .message = *message};
  e->waiting_count = kept + 1;
}

size_t hg_say_release(hg_election_t *e, uint32_t number, hg_message_t ready[HG_WAITING_MAX])
{
  size_t kept = 0, count = 0;
  for (size_t k = 0; k < e->waiting_count; k++) {
    const hg_waiting_t *w = &e->waiting[k];
    if (w->number > number) {
      e->waiting[kept++] = *w;
    } else if (w->message.term == e->term) {
      ready[count++] = w->message;
    }
  }
  e->waiting_count = kept;
  return count;
}
