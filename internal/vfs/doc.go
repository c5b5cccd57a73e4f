// Package vfs is the only door to the files that hold data: block files, block metadata, journals, images. Whatever is durable
// is written against FS, so that it can be run on three file systems:
//
//   - OS(), the real one;
//   - Mem(), in memory, which remembers what has been synced and what has not. CrashClone answers the file system as a machine
//     might find it after losing power at that moment;
//   - ErrorFS(inner, injector), which lets any single operation fail (ENOSPC, EIO, a short write).
//
// # What Mem promises, and what it takes away
//
// Bytes written to a file are safe once Sync of the file has returned. Names (created, renamed, linked, removed) are safe once
// SyncDir of the directories they are in has returned; syncing a file does not make its name safe, and making a directory does
// not make it safe in its parent. A rename is atomic: after a crash both of its halves happened or neither did. Operations on
// names that were not synced survive up to a random point, in order, as in a journaling file system; bytes that were not synced
// survive sector by sector at random, and a file may have grown without its bytes (zeros) or not at all.
//
// Code that passes on Mem asks for no more than ext4 and XFS give.
package vfs
