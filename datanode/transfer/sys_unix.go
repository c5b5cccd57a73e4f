package transfer

import "syscall"

// errTooManyFiles is a passing shortage at accept.
const errTooManyFiles = syscall.EMFILE
