/* SPDX-License-Identifier: Zlib */
/* What a caller leaves to its child, and no proof may depend on. */
#pragma once

/* From here on a child's end is told and an alarm ends this process, though the caller ignored or blocked
 * their signals, and a file that this process makes is open to its owner, though the umask says otherwise.
 * Not for a process that becomes the caller's command. */
void inherited_mend(void);
