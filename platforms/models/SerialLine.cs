// One direction of an asynchronous serial line: bytes take their time, one frame after the other.
//
// Renode's UARTs, terminals and hubs hand bytes over at once. For a model whose registers are those of a chip
// a byte is there when its frame is complete.

using Antmicro.Renode.Core;
using Antmicro.Renode.Peripherals.Timers;
using Antmicro.Renode.Time;
using System;
using System.Collections.Generic;

namespace Antmicro.Renode.Peripherals.UART
{
    public class SerialLine
    {
        // `uart` says how long a frame is; `arrived` gets each byte at the end of its frame
        public SerialLine(IMachine machine, IUART uart, string name, Action<byte> arrived)
        {
            this.uart = uart;
            this.arrived = arrived;
            frame = new LimitTimer(machine.ClockSource, TimeInterval.TicksPerSecond, uart, name, limit: 1,
                workMode: WorkMode.OneShot, eventEnabled: true);
            frame.LimitReached += FrameEnds;
        }

        public void Reset()
        {
            frame.Reset();
            waiting.Clear();
        }

        public void Send(byte value)
        {
            waiting.Enqueue(value);
            if(!frame.Enabled)
            {
                StartFrame();
            }
        }

        public bool Busy => frame.Enabled;

        private void StartFrame()
        {
            var baud = uart.BaudRate == 0 ? UnsetBaudRate : uart.BaudRate;
            var bits = 9u + (uart.ParityBit == Parity.None ? 0u : 1u) + (uart.StopBits == Bits.Two ? 2u : 1u);
            frame.Limit = TimeInterval.TicksPerSecond * bits / baud;
            frame.ResetValue();
            frame.Enabled = true;
        }

        private void FrameEnds()
        {
            var value = waiting.Dequeue();
            if(waiting.Count > 0)
            {
                StartFrame();
            }
            arrived(value);
        }

        private readonly IUART uart;
        private readonly Action<byte> arrived;
        private readonly LimitTimer frame;
        private readonly Queue<byte> waiting = new Queue<byte>();

        private const uint UnsetBaudRate = 115200;
    }
}
