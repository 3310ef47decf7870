/** Every command by its name, upper-case. */
import type { Command } from '../command.ts'
import { deleteAcl, getAcl, listRights, myRights, setAcl } from './acl.ts'
import { append } from './append.ts'
import { authenticate } from './authenticate.ts'
import { cancelUpdate } from './cancel-update.ts'
import { capability } from './capability.ts'
import { compress } from './compress.ts'
import { copy, move, uidCopy, uidMove } from './copy.ts'
import { enable } from './enable.ts'
import { esearch } from './esearch.ts'
import { expunge, uidExpunge } from './expunge.ts'
import { fetch, uidFetch } from './fetch.ts'
import { id } from './id.ts'
import { idle } from './idle.ts'
import { list, lsub } from './list.ts'
import { login } from './login.ts'
import { logout } from './logout.ts'
import { create, del, rename, subscribe, unsubscribe } from './mailbox.ts'
import { getMetadata, setMetadata } from './metadata.ts'
import { namespace } from './namespace.ts'
import { check, noop } from './noop.ts'
import { notify } from './notify.ts'
import { getQuota, getQuotaRoot } from './quota.ts'
import { replace, uidReplace } from './replace.ts'
import { search, uidSearch } from './search.ts'
import { examine, select } from './select.ts'
import { sort, uidSort } from './sort.ts'
import { starttls } from './starttls.ts'
import { status } from './status.ts'
import { store, uidStore } from './store.ts'
import { thread, uidThread } from './thread.ts'
import { unauthenticate } from './unauthenticate.ts'
import { close, unselect } from './unselect.ts'

export const commands: ReadonlyMap<string, Command> = new Map<string, Command>([
  ['CAPABILITY', capability],
  ['NOOP', noop],
  ['LOGOUT', logout],
  ['ID', id],

  ['STARTTLS', starttls],
  ['AUTHENTICATE', authenticate],
  ['LOGIN', login],

  ['ENABLE', enable],
  ['COMPRESS', compress],
  ['UNAUTHENTICATE', unauthenticate],
  ['SELECT', select],
  ['EXAMINE', examine],
  ['CREATE', create],
  ['DELETE', del],
  ['RENAME', rename],
  ['SUBSCRIBE', subscribe],
  ['UNSUBSCRIBE', unsubscribe],
  ['LIST', list],
  ['LSUB', lsub],
  ['STATUS', status],
  ['APPEND', append],
  ['NAMESPACE', namespace],
  ['GETQUOTA', getQuota],
  ['GETQUOTAROOT', getQuotaRoot],
  ['MYRIGHTS', myRights],
  ['GETACL', getAcl],
  ['LISTRIGHTS', listRights],
  ['SETACL', setAcl],
  ['DELETEACL', deleteAcl],
  ['GETMETADATA', getMetadata],
  ['SETMETADATA', setMetadata],
  ['IDLE', idle],
  ['NOTIFY', notify],

  ['CHECK', check],
  ['CLOSE', close],
  ['UNSELECT', unselect],
  ['EXPUNGE', expunge],
  ['SEARCH', search],
  ['ESEARCH', esearch],
  ['CANCELUPDATE', cancelUpdate],
  ['SORT', sort],
  ['THREAD', thread],
  ['FETCH', fetch],
  ['STORE', store],
  ['COPY', copy],
  ['MOVE', move],
  ['REPLACE', replace],
  ['UID EXPUNGE', uidExpunge],
  ['UID SEARCH', uidSearch],
  ['UID SORT', uidSort],
  ['UID THREAD', uidThread],
  ['UID FETCH', uidFetch],
  ['UID STORE', uidStore],
  ['UID COPY', uidCopy],
  ['UID MOVE', uidMove],
  ['UID REPLACE', uidReplace],
])
