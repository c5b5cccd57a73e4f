// Package fsimage turns an fsimage of Apache HDFS 3.x in its protobuf form into a namenode directory of ours, and our namespace into
// such an fsimage.
//
// # Form
//
// An fsimage is a magic word, sections of messages that each have their length before them, and at its end a summary that says where
// the sections are and whether they are compressed (namenode.FSImageFormatProtobuf). Names of users, groups and extended attributes
// are numbers of one table of strings. Beside fsimage_N lies its MD5; N is the last transaction that it holds, and edits_* are the
// transactions after it.
//
// # Import
//
// Import reads the newest image of a directory section by section, gives its parts to a namespace.Builder and seeds a journal with
// the result: cluster id, namespace id, block pool id, numbers of inodes and blocks and generation stamps stay, so that the cluster's
// datanodes go on to serve their blocks. It never reads edits: transactions after the image are an error that says what to do.
//
// Kept: permissions, times, ACLs, extended attributes, quotas, storage policies, snapshots with their renames, open files with
// their leases, delegation tokens and keys. Refused, with the path: symbolic links, striped (erasure coded) files, encryption zones,
// an upgrade that is not finalized. Left out, with a warning: erasure coding policies that no file uses, cache pools and directives.
//
// # Export
//
// Export writes a namespace as layout -67, which `hdfs oiv` of Apache 3.4 reads and an Apache namenode starts from. The keys of delegation tokens stay at home.
//
// Nothing in an image is trusted: every length is bounded by what follows it, memory grows only with bytes that were read.
package fsimage
