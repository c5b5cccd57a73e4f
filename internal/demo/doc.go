// Package demo is `lode demo`: a cluster on this machine, real Ethereum blocks, every pipeline, the answers checked.
//
// It types the commands that a person would type, prints them, and shows what comes of them; so what it proves is what a user
// has. What is checked is compared with answers that did not come from Lode: the sales that an independent decoder found, counts
// made by a plain loop.
package demo
