// Package tree is the memory of the namespace: inodes, their names, the order of children in directories and the chains of
// blocks of files, in slabs without pointers (package slab). It knows shape, not rules: who may do what is namenode/namespace's.
//
// An inode lives in a slot, a 32-bit reference that is good until the inode is freed; its INodeID is for ever. A file of one
// block costs 48 bytes of inode, 24 of block, its name and a byte, about 5 for its place among its siblings and 6 for the index by id.
//
// Siblings are in Hadoop's order: bytes compared as signed numbers, so "é" comes before "a" (DFSUtilClient.compareBytes).
package tree
