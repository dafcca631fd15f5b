"""Runs a program at a terminal, and tells what its screen shows.

Usage: terminal.py ROWS COLUMNS PROGRAM ARGUMENT...
Reads one JSON object a line and answers each with one:
  {"expect": TEXT}  waits until the screen shows the text
  {"send": TEXT}    types it
  {"end": true}     waits for the program to end
The answer holds the screen as a list of lines; after `end` the exit code too, negative for a signal.
"""

import fcntl
import json
import os
import pty
import re
import select
import struct
import sys
import termios
import time

LIMIT_SECONDS = 120
SEQUENCE = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])")


class Screen:
    """Lines that grow at the end: what has scrolled away stays, as in a terminal's history."""

    def __init__(self, rows, columns):
        self.rows, self.columns = rows, columns
        self.lines, self.row, self.column = [[]], 0, 0
        self.rest = ""

    def feed(self, text):
        text = self.rest + text
        self.rest = ""
        at = 0
        while at < len(text):
            if text[at] == "\x1b":
                sequence = SEQUENCE.match(text, at)
                if not sequence:
                    self.rest = text[at:]
                    return
                self.control(sequence.group(1), sequence.group(2))
                at = sequence.end()
            else:
                self.put(text[at])
                at += 1

    def control(self, argument, command):
        count = int(argument) if argument.isdigit() else 0
        if command == "A":
            self.row = max(self.row - max(count, 1), len(self.lines) - self.rows, 0)
        elif command == "B":
            self.down(max(count, 1))
        elif command == "C":
            self.column += max(count, 1)
        elif command == "D":
            self.column = max(self.column - max(count, 1), 0)
        elif command == "G":
            self.column = max(count, 1) - 1
        elif command == "K":
            line = self.lines[self.row]
            self.lines[self.row] = [] if count == 2 else line[: self.column]
        elif command == "J":
            self.lines[self.row] = self.lines[self.row][: self.column]
            del self.lines[self.row + 1 :]

    def down(self, count=1):
        self.row += count
        while len(self.lines) <= self.row:
            self.lines.append([])

    def put(self, character):
        if character == "\n":
            self.down()
        elif character == "\r":
            self.column = 0
        elif character >= " ":
            if self.column == self.columns:
                self.column = 0
                self.down()
            line = self.lines[self.row]
            line.extend(" " * (self.column + 1 - len(line)))
            line[self.column] = character
            self.column += 1

    def text(self):
        return ["".join(line).rstrip() for line in self.lines]


class Terminal:
    def __init__(self, rows, columns, program):
        self.screen = Screen(rows, columns)
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvp(program[0], program)
        fcntl.ioctl(self.terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.deadline = time.monotonic() + LIMIT_SECONDS

    def read(self):
        """Reads what there is; false when the program has closed the terminal."""
        wait = max(self.deadline - time.monotonic(), 0)
        if not select.select([self.terminal], [], [], wait)[0]:
            sys.exit(f"nothing happened in {LIMIT_SECONDS} s:\n" + "\n".join(self.screen.text()))
        try:
            data = os.read(self.terminal, 65536)
        except OSError:
            return False
        self.screen.feed(data.decode(errors="replace"))
        return bool(data)

    def expect(self, text):
        while not any(text in line for line in self.screen.text()):
            if not self.read():
                shown = "\n".join(self.screen.text())
                sys.exit(f"the program ended without `{text}`:\n{shown}")

    def end(self):
        while self.read():
            pass
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def main():
    rows, columns, *program = sys.argv[1:]
    terminal = Terminal(int(rows), int(columns), program)
    for line in sys.stdin:
        step = json.loads(line)
        answer = {}
        if "expect" in step:
            terminal.expect(step["expect"])
        elif "send" in step:
            os.write(terminal.terminal, step["send"].encode())
        else:
            answer["code"] = terminal.end()
        answer["screen"] = terminal.screen.text()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
