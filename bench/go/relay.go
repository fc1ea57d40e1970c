// A WebSocket relay on the standard library, the outer limit of what a small proxy costs.
//
//	relay copy|frames LISTEN UPSTREAM
//
// copy moves bytes with io.Copy after the upgrade; frames reads each frame header, unmasks client payloads and masks
// them again with a key of its own, one write a frame.
package main

import (
	"bufio"
	"crypto/rand"
	"encoding/binary"
	"io"
	"log"
	"net"
	"os"
	"runtime"
)

func main() {
	runtime.GOMAXPROCS(1)
	listener, err := net.Listen("tcp", os.Args[2])
	if err != nil {
		log.Fatal(err)
	}
	for {
		client, err := listener.Accept()
		if err != nil {
			log.Fatal(err)
		}
		go serve(client, os.Args[1] == "frames", os.Args[3])
	}
}

func serve(client net.Conn, frames bool, address string) {
	defer client.Close()
	upstream, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer upstream.Close()
	if frames {
		go pump(upstream, bufio.NewReaderSize(client, 65536))
		pump(client, bufio.NewReaderSize(upstream, 65536))
		return
	}
	go func() { io.Copy(upstream, client); upstream.Close() }()
	io.Copy(client, upstream)
}

// pump forwards the HTTP head as it is, then frame by frame.
func pump(to net.Conn, from *bufio.Reader) {
	defer to.Close()
	for {
		line, err := from.ReadSlice('\n')
		if _, failed := to.Write(line); err != nil || failed != nil {
			return
		}
		if len(line) == 2 {
			break
		}
	}
	buffer := make([]byte, 0, 16384)
	for {
		frame, err := read(from, buffer[:0])
		if err != nil {
			return
		}
		if _, err = to.Write(frame); err != nil {
			return
		}
		buffer = frame
	}
}

// read takes one frame and returns it ready to be sent on.
func read(from *bufio.Reader, frame []byte) ([]byte, error) {
	frame = frame[:2]
	if _, err := io.ReadFull(from, frame); err != nil {
		return nil, err
	}
	masked, size := frame[1]&0x80 != 0, uint64(frame[1]&0x7f)
	extra := map[uint64]int{126: 2, 127: 8}[size]
	if masked {
		extra += 4
	}
	frame = append(frame, make([]byte, extra)...)
	if _, err := io.ReadFull(from, frame[2:]); err != nil {
		return nil, err
	}
	switch size {
	case 126:
		size = uint64(binary.BigEndian.Uint16(frame[2:]))
	case 127:
		size = binary.BigEndian.Uint64(frame[2:])
	}
	head := len(frame)
	if need := head + int(size); cap(frame) < need {
		frame = append(make([]byte, 0, need), frame...)
	}
	frame = frame[:head+int(size)]
	if _, err := io.ReadFull(from, frame[head:]); err != nil {
		return nil, err
	}
	if masked {
		remask(frame[head-4:head], frame[head:])
	}
	return frame, nil
}

// remask turns the payload into plain bytes and then under a fresh key, eight bytes at a time.
func remask(key []byte, payload []byte) {
	apply(key, payload)
	rand.Read(key)
	apply(key, payload)
}

func apply(key []byte, payload []byte) {
	word := uint64(binary.LittleEndian.Uint32(key))
	word |= word << 32
	at := 0
	for ; at+8 <= len(payload); at += 8 {
		binary.LittleEndian.PutUint64(payload[at:], binary.LittleEndian.Uint64(payload[at:])^word)
	}
	for ; at < len(payload); at++ {
		payload[at] ^= key[at&3]
	}
}
