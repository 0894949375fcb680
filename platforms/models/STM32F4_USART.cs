// USART of the STM32F4 (RM0090, section 30): asynchronous mode, 8 or 9 bit frames without parity checks.
//
// Why not Renode's STM32_UART: there a byte is out at the write of DR (30.3.2: TXE stays low while the
// previous byte is shifted out, TC rises behind the last), and received bytes queue up without an end
// (30.3.3: a byte that arrives with RXNE still set is lost, and ORE rises). A driver that cannot keep up
// would pass.
//
// Not modelled: parity, framing and noise errors, LIN, IrDA, smart card, hardware flow control, DMA, IDLE.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Peripherals.CPU;
using System;
using System.Linq;

namespace Antmicro.Renode.Peripherals.UART
{
    [AllowedTranslations(AllowedTranslation.ByteToDoubleWord | AllowedTranslation.WordToDoubleWord)]
    public class STM32F4_USART : IUART, IDoubleWordPeripheral
    {
        public STM32F4_USART(IMachine machine, uint frequency)
        {
            this.machine = machine;
            this.frequency = frequency;
            IRQ = new GPIO();
            shifter = new SerialLine(machine, this, "transmit shift register", FrameSent);
            input = new SerialLine(machine, this, "receive shift register", Receive);
            Reset();
        }

        public void Reset()
        {
            shifter.Reset();
            input.Reset();
            status = TransmitEmpty | TransmitComplete;
            baud = control1 = control2 = control3 = 0;
            statusRead = false;
            held = null;
            Update();
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case Status:
                statusRead = true;
                return status;
            case Data:
                status &= ~ReceiveNotEmpty;
                if(statusRead)
                {
                    status &= ~Overrun;
                    statusRead = false;
                }
                var read = received;
                if(held != null)
                {
                    Take(held.Value);
                    held = null;
                }
                Update();
                return read;
            case Baud:
                return baud;
            case Control1:
                return control1;
            case Control2:
                return control2;
            case Control3:
                return control3;
            default:
                this.LogUnhandledRead(offset);
                return 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            switch(offset)
            {
            case Status:
                status &= value | ~(ReceiveNotEmpty | TransmitComplete);
                break;
            case Data:
                if(statusRead)
                {
                    status &= ~TransmitComplete;
                    statusRead = false;
                }
                Transmit((byte)value);
                break;
            case Baud:
                baud = value & 0xFFFF;
                break;
            case Control1:
                control1 = value & 0xBFFF;
                if((control1 & Enabled) == 0)
                {
                    shifter.Reset();
                    status |= TransmitEmpty | TransmitComplete;
                }
                break;
            case Control2:
                control2 = value & 0x7F6F;
                break;
            case Control3:
                control3 = value & 0x0FFF;
                break;
            default:
                this.LogUnhandledWrite(offset, value);
                break;
            }
            Update();
        }

        // Frames come in over the line one after the other, at the rate of the receiver.
        public void WriteChar(byte value)
        {
            input.Send(value);
        }

        public uint BaudRate
        {
            get
            {
                // 30.3.4: baud = f / (8 * (2 - OVER8) * USARTDIV); with OVER8 the fraction has three bits
                var sixteenths = (control1 & Over8) == 0 ? baud : (baud & ~0xFu) | (baud & 7) << 1;
                var divisor = (control1 & Over8) == 0 ? sixteenths : sixteenths / 2;
                return divisor == 0 ? 0 : frequency / divisor;
            }
        }

        public Bits StopBits => (control2 >> 12 & 3) == 2 ? Bits.Two : Bits.One;

        public Parity ParityBit => (control1 & 1u << 10) == 0 ? Parity.None : (control1 & 1u << 9) == 0 ? Parity.Even : Parity.Odd;

        [DefaultInterrupt]
        public GPIO IRQ { get; }

        // What hands over bytes one by one need not wait between them.
        public bool TakesTime => true;

        public event Action<byte> CharReceived;

        private void Receive(byte value)
        {
            if((control1 & (Enabled | ReceiverEnabled)) != (Enabled | ReceiverEnabled))
            {
                this.Log(LogLevel.Debug, "0x{0:X2} received while the receiver is off", value);
                return;
            }
            if((status & ReceiveNotEmpty) == 0)
            {
                Take(value);
            }
            else if(held == null && Executed() - takenAt < Wakening)
            {
                held = value;
            }
            else
            {
                status |= Overrun;
            }
            Update();
        }

        private void Take(byte value)
        {
            received = value;
            status |= ReceiveNotEmpty;
            takenAt = Executed();
        }

        // Renode may let a core that an interrupt wakes sleep on until the next event, which is the next byte: a
        // core that had no instruction in between has not been too slow.
        private ulong Executed()
        {
            return machine.SystemBus.GetCPUs().OfType<BaseCPU>().First().ExecutedInstructions;
        }

        private void Transmit(byte value)
        {
            if((control1 & (Enabled | TransmitterEnabled)) != (Enabled | TransmitterEnabled))
            {
                this.Log(LogLevel.Warning, "0x{0:X2} written while the transmitter is off", value);
                return;
            }
            if(shifter.Busy)
            {
                // 30.3.2: a write while TXE is low goes over what waits there
                waiting = value;
                status &= ~TransmitEmpty;
                return;
            }
            Shift(value);
        }

        private void Shift(byte value)
        {
            status &= ~TransmitComplete;
            shifter.Send(value);
        }

        private void FrameSent(byte value)
        {
            if((status & TransmitEmpty) == 0)
            {
                status |= TransmitEmpty;
                Shift(waiting);
            }
            else
            {
                status |= TransmitComplete;
            }
            CharReceived?.Invoke(value);
            Update();
        }

        private void Update()
        {
            var pending = (control1 & TransmitEmptyInterrupt) != 0 && (status & TransmitEmpty) != 0;
            pending |= (control1 & TransmitCompleteInterrupt) != 0 && (status & TransmitComplete) != 0;
            pending |= (control1 & ReceiveInterrupt) != 0 && (status & (ReceiveNotEmpty | Overrun)) != 0;
            IRQ.Set(pending);
        }

        private uint status;
        private uint baud;
        private uint control1;
        private uint control2;
        private uint control3;
        private byte received;
        private byte waiting;
        private bool statusRead;
        private byte? held;
        private ulong takenAt;

        private readonly IMachine machine;
        private readonly uint frequency;
        private readonly SerialLine shifter;
        private readonly SerialLine input;

        private const ulong Wakening = 8; // instructions
        private const long Status = 0x00, Data = 0x04, Baud = 0x08, Control1 = 0x0C, Control2 = 0x10, Control3 = 0x14;
        private const uint Overrun = 1 << 3, ReceiveNotEmpty = 1 << 5, TransmitComplete = 1 << 6, TransmitEmpty = 1 << 7;
        private const uint ReceiverEnabled = 1 << 2, TransmitterEnabled = 1 << 3, Enabled = 1 << 13, Over8 = 1 << 15;
        private const uint ReceiveInterrupt = 1 << 5, TransmitCompleteInterrupt = 1 << 6, TransmitEmptyInterrupt = 1 << 7;
    }
}
