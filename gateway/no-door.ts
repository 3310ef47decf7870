/** Why a listener could not be opened, in words for whoever wrote its address into the configuration. */

type ListenFault = NodeJS.ErrnoException & { address?: string; port?: number; hostname?: string }

/** Any other error is as it was. */
export const noDoor = (error: unknown): unknown => {
  const { syscall, code = '', address = '', port = 0, hostname } = (error ?? {}) as ListenFault
  if (syscall === 'getaddrinfo')
    return new Error(
      `Can't listen at ${hostname}: the name is not found (${code}). Write an address of this machine in vouchsafe.toml.`,
      { cause: error },
    )
  const way = syscall === 'listen' ? ways[code] : undefined
  if (way === undefined) return error
  const at = address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  return new Error(`Can't listen at ${at}: ${way(port)}`, { cause: error })
}

const ways: Record<string, (port: number) => string> = {
  EADDRINUSE: (port) =>
    `another program does. \`ss -ltnp 'sport = :${port}'\` names it; stop it, or give another port in vouchsafe.toml.`,
  EADDRNOTAVAIL: () => 'this machine has no such address. `ip address` shows those it has; mend it in vouchsafe.toml.',
  // On Linux: below net.ipv4.ip_unprivileged_port_start.
  EACCES: () =>
    'ports below 1024 want a privilege. etc/vouchsafe.service has two lines for it; or take a port from 1024 on.',
}
