// UARTE of the nRF52840 (Product Specification, chapter UARTE): the EasyDMA UART, ENABLE = 8 only.
//
// Why not Renode's NRF52840_UART with easyDMA: there a transfer is over at TASKS_STARTTX (the line takes ten
// bit times a byte, ENDTX follows the last), there are no SHORTS, no ERRORSRC and no FLUSHRX, bytes that
// nobody fetches queue up without an end (the receive FIFO holds six, then OVERRUN), TASKS_STARTRX with
// EVENTS_ENDRX still set delivers nothing, and INTENSET works only from the next synchronisation on.
//
// Not modelled: framing and parity errors, break, hardware flow control. RXTO comes at once.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using System;
using System.Collections.Generic;

namespace Antmicro.Renode.Peripherals.UART
{
    public class NRF52840_UARTE : IUART, IDoubleWordPeripheral, IKnownSize
    {
        public NRF52840_UARTE(IMachine machine)
        {
            this.machine = machine;
            IRQ = new GPIO();
            shifter = new SerialLine(machine, this, "transmit shift register", FrameSent);
            input = new SerialLine(machine, this, "receive shift register", Receive);
            Reset();
        }

        public void Reset()
        {
            shifter.Reset();
            input.Reset();
            fifo.Clear();
            Array.Clear(registers, 0, registers.Length);
            registers[Baudrate / 4] = 0x04000000;
            foreach(var pin in new[] { 0x508, 0x50C, 0x510, 0x514 })
            {
                registers[pin / 4] = 0xFFFFFFFF;
            }
            receiverOn = receiving = transmitting = false;
            Update();
        }

        public uint ReadDoubleWord(long offset)
        {
            return offset == InterruptSet || offset == InterruptClear ? registers[Interrupts / 4] : registers[offset / 4];
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            if(offset < 0x100)
            {
                if((value & 1) != 0 && registers[Enable / 4] == EnabledWithDma)
                {
                    Task(offset);
                }
                return;
            }
            switch(offset)
            {
            case InterruptSet:
                registers[Interrupts / 4] |= value;
                break;
            case InterruptClear:
                registers[Interrupts / 4] &= ~value;
                break;
            case ErrorSource:
                registers[ErrorSource / 4] &= ~value;
                break;
            case ReceiveAmount:
            case TransmitAmount:
                break;
            case Enable:
                registers[Enable / 4] = value & 0xF;
                if(registers[Enable / 4] != EnabledWithDma)
                {
                    receiverOn = receiving = transmitting = false;
                    shifter.Reset();
                    fifo.Clear();
                }
                break;
            default:
                registers[offset / 4] = value;
                break;
            }
            Update();
        }

        // Frames come in over the line one after the other, at the rate of the receiver.
        public void WriteChar(byte value)
        {
            input.Send(value);
        }

        // The register holds the rate in units of 16 MHz / 2^32; the named values are rounded up to a multiple of 0x1000.
        public uint BaudRate
        {
            get
            {
                var rate = (uint)(registers[Baudrate / 4] * 16000000ul >> 32);
                foreach(var known in new[] { 1200u, 2400u, 4800u, 9600u, 14400u, 19200u, 28800u, 38400u, 57600u, 76800u, 115200u, 230400u, 250000u, 460800u, 921600u, 1000000u })
                {
                    if(rate > known - known / 50 && rate < known + known / 50)
                    {
                        return known;
                    }
                }
                return rate;
            }
        }

        public Bits StopBits => (registers[Config / 4] & 1 << 4) == 0 ? Bits.One : Bits.Two;

        public Parity ParityBit => (registers[Config / 4] & 0xE) == 0 ? Parity.None : Parity.Even;

        public GPIO IRQ { get; }

        public long Size => 0x1000;

        // What hands over bytes one by one need not wait between them.
        public bool TakesTime => true;

        public event Action<byte> CharReceived;

        private void Task(long offset)
        {
            switch(offset)
            {
            case StartReceive:
                receiverOn = receiving = true;
                receiveTo = registers[ReceivePointer / 4];
                receiveRoom = registers[ReceiveCount / 4];
                receivedCount = 0;
                Raise(ReceiveStarted);
                Fetch();
                break;
            case StopReceive:
                EndReceive();
                receiverOn = false;
                Raise(ReceiveTimeout);
                break;
            case FlushReceive:
                receiveTo = registers[ReceivePointer / 4];
                receiveRoom = registers[ReceiveCount / 4];
                receivedCount = 0;
                receiving = true;
                Fetch();
                EndReceive();
                break;
            case StartTransmit:
                transmitFrom = registers[TransmitPointer / 4];
                transmitLeft = registers[TransmitCount / 4];
                sentCount = 0;
                transmitting = true;
                Raise(TransmitStarted);
                if(!shifter.Busy)
                {
                    NextFrame();
                }
                break;
            case StopTransmit:
                transmitting = false;
                if(!shifter.Busy)
                {
                    Raise(TransmitStopped);
                }
                break;
            default:
                this.Log(LogLevel.Warning, "Task at 0x{0:X3} is not modelled", offset);
                break;
            }
            Update();
        }

        private void Receive(byte value)
        {
            if(!receiverOn)
            {
                this.Log(LogLevel.Debug, "0x{0:X2} received while the receiver is off", value);
                return;
            }
            if(fifo.Count == FifoSize)
            {
                registers[ErrorSource / 4] |= OverrunError;
                Raise(Error);
            }
            else
            {
                fifo.Enqueue(value);
                Raise(ReceiveReady);
            }
            Fetch();
            Update();
        }

        private void Fetch()
        {
            while(receiving && fifo.Count > 0 && receivedCount < receiveRoom)
            {
                machine.SystemBus.WriteByte(receiveTo++, fifo.Dequeue());
                receivedCount++;
            }
            if(receiving && receivedCount == receiveRoom)
            {
                EndReceive();
            }
        }

        private void EndReceive()
        {
            if(!receiving)
            {
                return;
            }
            receiving = false;
            registers[ReceiveAmount / 4] = receivedCount;
            Raise(ReceiveEnd);
            if((registers[Shortcuts / 4] & EndStart) != 0)
            {
                Task(StartReceive);
            }
            if((registers[Shortcuts / 4] & EndStop) != 0)
            {
                Task(StopReceive);
            }
        }

        private void NextFrame()
        {
            if(transmitLeft == 0)
            {
                registers[TransmitAmount / 4] = sentCount;
                transmitting = false;
                Raise(TransmitEnd);
                return;
            }
            transmitLeft--;
            shifter.Send(machine.SystemBus.ReadByte(transmitFrom++));
        }

        private void FrameSent(byte value)
        {
            sentCount++;
            Raise(TransmitReady);
            if(transmitting)
            {
                NextFrame();
            }
            else
            {
                registers[TransmitAmount / 4] = sentCount;
                Raise(TransmitEnd);
                Raise(TransmitStopped);
            }
            CharReceived?.Invoke(value);
            Update();
        }

        private void Raise(long event_)
        {
            registers[event_ / 4] = 1;
        }

        private void Update()
        {
            var pending = 0u;
            for(var number = 0; number < 32; ++number)
            {
                pending |= registers[0x100 / 4 + number] << number;
            }
            IRQ.Set((pending & registers[Interrupts / 4]) != 0);
        }

        private bool receiverOn;
        private bool receiving;
        private uint receiveTo;
        private uint receiveRoom;
        private uint receivedCount;
        private bool transmitting;
        private uint transmitFrom;
        private uint transmitLeft;
        private uint sentCount;

        private readonly IMachine machine;
        private readonly SerialLine shifter;
        private readonly SerialLine input;
        private readonly Queue<byte> fifo = new Queue<byte>();
        private readonly uint[] registers = new uint[0x1000 / 4];

        private const int FifoSize = 6;
        private const uint EnabledWithDma = 8, EndStart = 1 << 5, EndStop = 1 << 6, OverrunError = 1;
        private const long StartReceive = 0x000, StopReceive = 0x004, StartTransmit = 0x008, StopTransmit = 0x00C, FlushReceive = 0x02C;
        private const long ReceiveReady = 0x108, ReceiveEnd = 0x110, TransmitReady = 0x11C, TransmitEnd = 0x120, Error = 0x124;
        private const long ReceiveTimeout = 0x144, ReceiveStarted = 0x14C, TransmitStarted = 0x150, TransmitStopped = 0x158;
        private const long Shortcuts = 0x200, Interrupts = 0x300, InterruptSet = 0x304, InterruptClear = 0x308, ErrorSource = 0x480;
        private const long Enable = 0x500, Baudrate = 0x524, Config = 0x56C;
        private const long ReceivePointer = 0x534, ReceiveCount = 0x538, ReceiveAmount = 0x53C;
        private const long TransmitPointer = 0x544, TransmitCount = 0x548, TransmitAmount = 0x54C;
    }
}
