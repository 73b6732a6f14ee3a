/* Bounded mailboxes between two tasks: one writes, one reads, nobody waits. */
#ifndef HEARTHGRID_MAIL_H
#define HEARTHGRID_MAIL_H

#include <stdbool.h>
#include <stdint.h>

/* length: a power of two. The counts run freely and wrap around. */
#define HG_MAILBOX(type, length) \
  struct { \
    uint32_t written, read; \
    type items[length]; \
  }

#define HG_MAIL_LENGTH(box) ((uint32_t)(sizeof((box)->items) / sizeof((box)->items[0])))

/* The writer's: the place to fill, NULL = full; then hg_mail_sent. */
#define HG_MAIL_PLACE(box) \
  ((box)->written - __atomic_load_n(&(box)->read, __ATOMIC_ACQUIRE) < HG_MAIL_LENGTH(box) \
       ? &(box)->items[(box)->written % HG_MAIL_LENGTH(box)] \
       : NULL)
#define HG_MAIL_SENT(box) __atomic_store_n(&(box)->written, (box)->written + 1U, __ATOMIC_RELEASE)

/* The reader's: the oldest, NULL = none; then HG_MAIL_TAKEN. */
#define HG_MAIL_OLDEST(box) \
  ((box)->read != __atomic_load_n(&(box)->written, __ATOMIC_ACQUIRE) \
       ? &(box)->items[(box)->read % HG_MAIL_LENGTH(box)] \
       : NULL)
#define HG_MAIL_TAKEN(box) __atomic_store_n(&(box)->read, (box)->read + 1U, __ATOMIC_RELEASE)

#endif
