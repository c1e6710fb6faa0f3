package temporary

import (
	"os"
	"os/signal"
	"syscall"
)

// interrupts holds the signals that ask this process to end.
var interrupts = make(chan os.Signal, 2)

// listen has signals that would end the process wait in interrupts. It comes
// before the first folder: the packages that are initialised after that take a
// tenth of a second.
func listen() {
	asked := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) { // as under nohup
		asked = append(asked, syscall.SIGHUP)
	}
	signal.Notify(interrupts, asked...)
}

// Interrupts receives a signal whenever the user, the terminal or the system
// asks this process to end, also one from before main began. It receives none
// in tests and in the programs that run in a Folder.
func Interrupts() <-chan os.Signal { return interrupts }
