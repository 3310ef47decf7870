/* LINK1 as built (src/link/link1.ts, gateway/link/ratchet.ts), for Spin: one secret to a link, whoever
 * dials it; messages that are lost, late or overtaken by a new dial; crashes; and a copy of A's home.
 *
 * Secrets are numbers, drawn afresh: what a clone can't compute it can't have.
 *   ck   the secret        ct   the tentative one beside it (0: none)
 *   cur  the handshake this agent takes part in; beginning or answering one breaks off any other
 * A session is one TLS connection; under way in ph 1 is the dial, 2 AURQ, 3 ARPL, 4 PROCEED, 5 COMMIT, 6 ARSL; 0 over.
 *
 * sound:    nobody is alarmed unless the clone has tried something
 * complete: once the clone has had a link with B, B takes none of A, and the next dial of either is an alarm
 *
 * Three connections; four (-DSESSIONS=4) hold as well, in some minutes. Each of the mutants (-D…) leaves out one thing and must fail: ONESTEP, PLAINONLY, LATEPROOF,
 * LATECOMMIT, EAGERHOST, HOSTPLAIN false alarms; STATIC a theft nobody sees.
 */
#ifndef SESSIONS
#define SESSIONS 3
#endif
#define A 0
#define B 1
#define CLONE 2

typedef session_t { byte ph; byte guest; byte host; byte pk; byte pt; byte mk; byte nk; bit after }
session_t s[SESSIONS];
byte ck[3]; byte ct[3]; byte cur[3];
byte sessions = 0; byte fresh = 2;
bit copied = 0; bit tried = 0; bit alarm = 0; bit won = 0;

inline begin(g, h) {
  s[sessions].guest = g; s[sessions].host = h; s[sessions].ph = 1;
  if :: g == CLONE || h == CLONE -> tried = 1 :: else -> s[sessions].after = won fi;
  sessions++; cur[g] = sessions
}

/* The host draws its code word: from now on this is its handshake. */
inline dialled(i) {
  s[i].ph = 2;
#ifndef LATEPROOF
  cur[s[i].host] = i + 1
#endif
}

inline aurq(i) {
  if
  :: cur[s[i].guest] != i + 1 -> s[i].ph = 0
  :: else ->
    s[i].pk = ck[s[i].guest]; s[i].ph = 3;
#ifndef PLAINONLY
    s[i].pt = ct[s[i].guest]
#endif
  fi
}

#ifdef HOSTPLAIN
#define HAS(h, key) (key != 0 && ck[h] == key)
#else
#define HAS(h, key) (key != 0 && (ck[h] == key || ct[h] == key))
#endif

inline arpl(i) {
  if
#ifndef LATEPROOF
  :: cur[s[i].host] != i + 1 -> s[i].ph = 0
#else
  :: false
#endif
  :: else ->
    if
    :: !HAS(s[i].host, s[i].pt) && !HAS(s[i].host, s[i].pk) -> alarm = 1; s[i].ph = 0
    :: else ->
      assert(!s[i].after); /* complete: what A and B begin now is found out */
      if :: HAS(s[i].host, s[i].pt) -> s[i].mk = s[i].pt :: else -> s[i].mk = s[i].pk fi;
      if
      :: s[i].ph = 0 /* BUSY: a link is live */
      :: s[i].ph = 4; cur[s[i].host] = i + 1;
#ifdef EAGERHOST
         s[i].nk = fresh; fresh++; ck[s[i].host] = s[i].nk; ct[s[i].host] = 0
#endif
      fi
    fi
  fi
}

inline proceed(i) {
  if
  :: cur[s[i].guest] != i + 1 -> s[i].ph = 0
  :: else ->
    if :: s[i].mk == ct[s[i].guest] -> ck[s[i].guest] = ct[s[i].guest] :: else fi;
#ifdef STATIC
    s[i].nk = s[i].mk;
#else
#ifndef EAGERHOST
    s[i].nk = fresh; fresh++;
#endif
#endif
#ifdef ONESTEP
    ck[s[i].guest] = s[i].nk; ct[s[i].guest] = 0;
#else
    ct[s[i].guest] = s[i].nk;
#endif
    s[i].ph = 5
  fi
}

inline commit(i) {
  if
#ifndef LATECOMMIT
  :: cur[s[i].host] != i + 1 -> s[i].ph = 0
#else
  :: false
#endif
  :: else ->
    ck[s[i].host] = s[i].nk; ct[s[i].host] = 0; s[i].ph = 6;
    if :: s[i].guest == CLONE -> won = 1 :: s[i].guest == A -> assert(!won) :: else fi
  fi
}

inline arsl(i) {
  if
  :: cur[s[i].guest] == i + 1 ->
    ck[s[i].guest] = s[i].nk; ct[s[i].guest] = 0;
    if :: s[i].host == CLONE -> won = 1 :: s[i].guest == B && s[i].host == A -> assert(!won) :: else fi
  :: else
  fi;
  s[i].ph = 0
}

inline lost(i) { s[i].ph = 0 }
inline crash(x) { cur[x] = 0 }

#define FREE (!alarm && sessions < SESSIONS)
#define COURSE(i) \
  :: d_step { !alarm && s[i].ph == 1 -> dialled(i) } \
  :: d_step { !alarm && s[i].ph == 2 -> aurq(i) } \
  :: atomic { !alarm && s[i].ph == 3 -> arpl(i) } \
  :: d_step { !alarm && s[i].ph == 4 -> proceed(i) } \
  :: d_step { !alarm && s[i].ph == 5 -> commit(i) } \
  :: d_step { !alarm && s[i].ph == 6 -> arsl(i) } \
  :: d_step { !alarm && s[i].ph != 0 -> lost(i) }

active proctype world() {
  ck[A] = 1; ck[B] = 1;
  do
  :: d_step { FREE -> begin(A, B) }
  :: d_step { FREE -> begin(B, A) }
  :: d_step { FREE && copied -> begin(CLONE, B) }
  :: d_step { FREE && copied -> begin(B, CLONE) }
  :: d_step { !alarm && !copied -> copied = 1; ck[CLONE] = ck[A]; ct[CLONE] = ct[A] }
  :: d_step { !alarm && cur[A] != 0 -> crash(A) }
  :: d_step { !alarm && cur[B] != 0 -> crash(B) }
  COURSE(0)
  COURSE(1)
  COURSE(2)
#if SESSIONS > 3
  COURSE(3)
#endif
  :: alarm -> break
  od;
  assert(tried) /* sound */
}
