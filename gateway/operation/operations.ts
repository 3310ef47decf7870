/** Every operation by the name under which the control socket serves it. */
import type { Progress, ServedOperation } from '../control.ts'
import type { House } from '../house.ts'
import { linkAlerts, linkRekey, linkRenew } from './alert.ts'
import { complaintList, complaintRaise, complaintShow, complaintWithdraw } from './complaint.ts'
import {
  contactAdd,
  contactCategory,
  contactForget,
  contactList,
  contactLook,
  contactTrust,
  contactUntrust,
} from './contact.ts'
import { doctor } from './doctor.ts'
import { linkAccept, linkInvitations, linkInvite, linkUninvite } from './invite.ts'
import { keyExport, keyRotate, keyShow } from './key.ts'
import { linkAdd, linkApprove, linkKnock, linkPair, linkRefuse } from './knock.ts'
import { linkList, linkOverrule, linkRevoke, linkShow, linkTrust } from './link.ts'
import { queueDrop, queueHold, queueList, queueRelease, queueRetry, queueShow } from './queue.ts'
import { status } from './status.ts'
import { userAdd, userAllow, userList, userPasswd, userQuota, userRemove, userRevoke, userShow } from './user.ts'
import { linkWhy } from './why.ts'

export const operations = {
  'user.add': userAdd,
  'user.list': userList,
  'user.show': userShow,
  'user.allow': userAllow,
  'user.passwd': userPasswd,
  'user.quota': userQuota,
  'user.revoke': userRevoke,
  'user.remove': userRemove,
  'link.invite': linkInvite,
  'link.invitations': linkInvitations,
  'link.uninvite': linkUninvite,
  'link.accept': linkAccept,
  'link.knock': linkKnock,
  'link.approve': linkApprove,
  'link.refuse': linkRefuse,
  'link.add': linkAdd,
  'link.pair': linkPair,
  'link.list': linkList,
  'link.show': linkShow,
  'link.revoke': linkRevoke,
  'link.why': linkWhy,
  'link.alerts': linkAlerts,
  'link.rekey': linkRekey,
  'link.renew': linkRenew,
  'link.trust': linkTrust,
  'complaint.list': complaintList,
  'complaint.show': complaintShow,
  'complaint.raise': complaintRaise,
  'complaint.withdraw': complaintWithdraw,
  'link.overrule': linkOverrule,
  'contact.add': contactAdd,
  'contact.category': contactCategory,
  'contact.forget': contactForget,
  'contact.list': contactList,
  'contact.look': contactLook,
  'contact.trust': contactTrust,
  'contact.untrust': contactUntrust,
  'queue.list': queueList,
  'queue.show': queueShow,
  'queue.retry': queueRetry,
  'queue.hold': queueHold,
  'queue.release': queueRelease,
  'queue.drop': queueDrop,
  'key.show': keyShow,
  'key.export': keyExport,
  'key.rotate': keyRotate,
  status,
  doctor,
}

export type Operations = typeof operations

/**
 * The operations of one house, for the control socket. A caller is of the same version (gateway/control.ts
 * sees to it) and runs as the same user, so arguments come as the command line typed them.
 */
export const operationsOf = (house: House): Record<string, ServedOperation> =>
  Object.fromEntries(
    Object.entries(operations).map(([name, operation]) => {
      const run = operation as (house: House, args: object, progress: Progress) => Promise<unknown>
      return [name, (args: object, progress: Progress) => run(house, args, progress)]
    }),
  )
