// ask.go: keys that have moved while their slot still moves.

package primary

import (
	"errors"
	"net"

	"github.com/redis/rueidis"
)

// Server is where a call goes.
type Server struct {
	*Node

	// Asked says that the server is to have the slot of the key, and has the key
	// already: the one that has the slot said so. Nobody tells when that changes, so no
	// lease may depend on what the server says.
	Asked bool
}

// asked returns the server that err names for this key alone, for this once. One that
// has no slot yet is not known, and is found when it has its first.
func (l *Link) asked(n *Node, err error) (Server, bool) {
	var moved movedError
	if !errors.As(err, &moved) || moved.ask == "" || l.d.Mode != ModeCluster {
		return Server{}, false
	}
	host, port, err := net.SplitHostPort(moved.ask)
	if err != nil {
		return Server{}, false
	}
	if host == "" { // as that of the one who said it
		host, _, _ = net.SplitHostPort(n.addr)
	}
	to := l.top.Load().nodes[net.JoinHostPort(host, port)]
	return Server{to, true}, to != nil
}

var asking = []string{"ASKING"}

// with puts ASKING before each command that needs it: a transaction needs one, before
// MULTI, and would take those in it for commands of its own.
func (s Server) with(cmds [][]string) [][]string {
	if !s.Asked {
		return cmds
	}
	var all [][]string
	multi := false
	for _, c := range cmds {
		if !multi && c[0] != "WAIT" && c[0] != "UNWATCH" {
			all = append(all, asking)
		}
		multi = c[0] == "MULTI" || multi && c[0] != "EXEC"
		all = append(all, c)
	}
	return all
}

// without takes the answers to what with has put in out.
func (s Server) without(all [][]string, answers []rueidis.RedisMessage) (own []rueidis.RedisMessage) {
	if !s.Asked {
		return answers
	}
	for i, answer := range answers {
		if all[i][0] != asking[0] {
			own = append(own, answer)
		}
	}
	return own
}
