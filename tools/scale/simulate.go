// simulate.go: how many users are in each slot and on each shard of a large cluster.

package main

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
)

const slots = 16384

// crcTable is that of CRC16-CCITT, as Redis uses it.
var crcTable = func() (table [256]uint16) {
	for i := range table {
		crc := uint16(i) << 8
		for range 8 {
			if crc&0x8000 != 0 {
				crc = crc<<1 ^ 0x1021
			} else {
				crc <<= 1
			}
		}
		table[i] = crc
	}
	return table
}()

func slotOf(key []byte) int {
	var crc uint16
	for _, b := range key {
		crc = crc<<8 ^ crcTable[byte(crc>>8)^b]
	}
	return int(crc) % slots
}

// devices is how many devices the n-th user has: of ten, seven have one, two two, one three.
func devices(n uint64) int {
	switch n % 10 {
	case 0, 1, 2, 3, 4, 5, 6:
		return 1
	case 7, 8:
		return 2
	}
	return 3
}

// simulate makes keys of the form that the store makes, wechat:u and 22 characters of
// a hash after the app's tag, and counts where they are.
func simulate(o options) {
	type share struct{ users, sessions, bytes [slots]uint64 }
	parts := make([]share, runtime.NumCPU())
	var wg sync.WaitGroup
	for p := range parts {
		wg.Go(func() {
			key := append([]byte("wechat:u"), make([]byte, 22)...)
			for n := uint64(p); n < uint64(o.users); n += uint64(len(parts)) {
				sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte("user"), n))
				base64.RawURLEncoding.Encode(key[8:], sum[:16])
				copy(key[8:], "app1")
				slot, d := slotOf(key), devices(n)
				parts[p].users[slot]++
				parts[p].sessions[slot] += uint64(d)
				parts[p].bytes[slot] += uint64(o.bytes + 190*(d-1))
			}
		})
	}
	wg.Wait()
	var users, sessions, bytes [slots]uint64
	shards := make([]uint64, o.shards)
	var all, allSessions uint64
	for slot := range slots {
		for p := range parts {
			users[slot] += parts[p].users[slot]
			sessions[slot] += parts[p].sessions[slot]
			bytes[slot] += parts[p].bytes[slot]
		}
		shards[slot*o.shards/slots] += bytes[slot]
		all += bytes[slot]
		allSessions += sessions[slot]
	}
	least, most := slices.Min(users[:]), slices.Max(users[:])
	mean := float64(o.users) / slots
	var variance float64
	for _, n := range users {
		variance += (float64(n) - mean) * (float64(n) - mean) / slots
	}
	gib := func(n uint64) float64 { return float64(n) / (1 << 30) }
	fmt.Printf("%d users, %d sessions: %.1f GiB of Redis (%d bytes a user with one session, 190 for each other device)\n", o.users, allSessions, gib(all), o.bytes)
	fmt.Printf("a slot has %d to %d users, %.0f on average, standard deviation %.1f; the hottest has %.2f%% more than the average\n",
		least, most, mean, math.Sqrt(variance), 100*(float64(most)/mean-1))
	small, large := slices.Min(shards), slices.Max(shards)
	fmt.Printf("of %d shards the smallest holds %.2f GiB, the largest %.2f GiB, %.2f%% more than the average\n",
		o.shards, gib(small), gib(large), 100*(float64(large)*float64(o.shards)/float64(all)-1))
}
