// Package nft holds the jobs that decode a chain's blocks into tables of NFT transfers, sales and market figures.
//
// The work itself is in pure packages below: ledger (what moved), market (sales), price (what an ether is worth), silver (rows of one transaction), gold
// (rows of a history). This package wires them into jobs for package mapreduce.
package nft
