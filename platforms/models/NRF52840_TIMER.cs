// TIMER of the nRF52840 (Product Specification, chapter TIMER) in timer and counter mode.
//
// Why not Renode's NRF52840_Timer: there BITMODE is missing, so that the count never wraps, SHORTS are
// missing, a capture clears the event of its channel and takes a count that is as old as the CPU's last
// synchronisation (up to a quantum), and PRESCALER is 0 after a reset instead of 4.

using Antmicro.Renode.Core;
using Antmicro.Renode.Logging;
using Antmicro.Renode.Peripherals.Bus;
using Antmicro.Renode.Time;

namespace Antmicro.Renode.Peripherals.Timers
{
    public class NRF52840_TIMER : IDoubleWordPeripheral, IKnownSize
    {
        public NRF52840_TIMER(IMachine machine, int numberOfEvents)
        {
            this.machine = machine;
            IRQ = new GPIO();
            counter = new LimitTimer(machine.ClockSource, Frequency, this, "counter", limit: 1ul << 32, direction: Direction.Ascending);
            channels = new LimitTimer[numberOfEvents];
            compares = new uint[numberOfEvents];
            events = new bool[numberOfEvents];
            for(var channel = 0; channel < numberOfEvents; ++channel)
            {
                var number = channel;
                channels[channel] = new LimitTimer(machine.ClockSource, Frequency, this, "compare" + channel, limit: 1,
                    workMode: WorkMode.OneShot, eventEnabled: true);
                channels[channel].LimitReached += () => Reached(number);
            }
            Reset();
        }

        public void Reset()
        {
            counter.Reset();
            for(var channel = 0; channel < channels.Length; ++channel)
            {
                channels[channel].Reset();
                compares[channel] = 0;
                events[channel] = false;
            }
            shorts = interrupts = mode = bitMode = 0;
            prescaler = 4;
            running = false;
            Configure();
            Update();
        }

        public uint ReadDoubleWord(long offset)
        {
            switch(offset)
            {
            case Shorts:
                return shorts;
            case InterruptSet:
            case InterruptClear:
                return interrupts;
            case Mode:
                return mode;
            case BitMode:
                return bitMode;
            case Prescaler:
                return prescaler;
            default:
                if(Channel(offset, Events, out var channel))
                {
                    return events[channel] ? 1u : 0u;
                }
                return Channel(offset, Compares, out channel) ? compares[channel] : 0;
            }
        }

        public void WriteDoubleWord(long offset, uint value)
        {
            // whoever starts, stops or reads the count does so now, not at the start of the CPU's time slice
            if(machine.SystemBus.TryGetCurrentCPU(out var cpu))
            {
                cpu.SyncTime();
            }
            if(offset < Events && (value & 1) != 0)
            {
                Task(offset);
            }
            else if(Channel(offset, Events, out var channel))
            {
                events[channel] = value != 0;
            }
            else if(Channel(offset, Compares, out channel))
            {
                compares[channel] = value & Mask;
                Arm(channel);
            }
            else
            {
                WriteSetting(offset, value);
            }
            Update();
        }

        public GPIO IRQ { get; }

        public long Size => 0x1000;

        private void Task(long offset)
        {
            switch(offset)
            {
            case Start:
                running = true;
                break;
            case Stop:
            case Shutdown:
                running = false;
                break;
            case Count:
                if(mode != 0)
                {
                    counter.Value = (uint)(counter.Value + 1) & Mask;
                    for(var channel = 0; channel < channels.Length; ++channel)
                    {
                        if(counter.Value == compares[channel])
                        {
                            Reached(channel);
                        }
                    }
                }
                return;
            case Clear:
                counter.Value = 0;
                break;
            default:
                if(Channel(offset, Captures, out var captured))
                {
                    compares[captured] = (uint)counter.Value & Mask;
                    Arm(captured);
                }
                return;
            }
            counter.Enabled = running && mode == 0;
            ArmAll();
        }

        private void WriteSetting(long offset, uint value)
        {
            switch(offset)
            {
            case Shorts:
                shorts = value;
                break;
            case InterruptSet:
                interrupts |= value;
                break;
            case InterruptClear:
                interrupts &= ~value;
                break;
            case Mode:
                mode = value & 3;
                break;
            case BitMode:
                bitMode = value & 3;
                Configure();
                break;
            case Prescaler:
                prescaler = value & 0xF;
                Configure();
                break;
            default:
                this.LogUnhandledWrite(offset, value);
                break;
            }
        }

        private void Configure()
        {
            counter.Limit = (ulong)Mask + 1;
            counter.Divider = 1ul << (int)prescaler;
            foreach(var channel in channels)
            {
                channel.Divider = 1ul << (int)prescaler;
            }
            ArmAll();
        }

        private void ArmAll()
        {
            for(var channel = 0; channel < channels.Length; ++channel)
            {
                Arm(channel);
            }
        }

        // The event comes when the count gets to the compare value; one that it is at now comes a turn later.
        private void Arm(int channel)
        {
            var ahead = (compares[channel] - (uint)counter.Value) & Mask;
            channels[channel].Limit = ahead == 0 ? (ulong)Mask + 1 : ahead;
            channels[channel].ResetValue();
            channels[channel].Enabled = running && mode == 0;
        }

        private void Reached(int channel)
        {
            events[channel] = true;
            if((shorts >> channel & 1) != 0)
            {
                counter.Value = 0;
                ArmAll();
            }
            else
            {
                Arm(channel);
            }
            if((shorts >> 8 + channel & 1) != 0)
            {
                Task(Stop);
            }
            Update();
        }

        private void Update()
        {
            var pending = false;
            for(var channel = 0; channel < events.Length; ++channel)
            {
                pending |= events[channel] && (interrupts >> 16 + channel & 1) != 0;
            }
            IRQ.Set(pending);
        }

        private bool Channel(long offset, long first, out int channel)
        {
            channel = (int)(offset - first) / 4;
            return offset >= first && channel < compares.Length;
        }

        private uint Mask => bitMode == 0 ? 0xFFFF : bitMode == 1 ? 0xFF : bitMode == 2 ? 0xFFFFFF : 0xFFFFFFFF;

        private uint shorts;
        private uint interrupts;
        private uint mode;
        private uint bitMode;
        private uint prescaler;
        private bool running;

        private readonly IMachine machine;
        private readonly LimitTimer counter;
        private readonly LimitTimer[] channels;
        private readonly uint[] compares;
        private readonly bool[] events;

        private const ulong Frequency = 16000000;
        private const long Start = 0x000, Stop = 0x004, Count = 0x008, Clear = 0x00C, Shutdown = 0x010, Captures = 0x040;
        private const long Events = 0x140, Shorts = 0x200, InterruptSet = 0x304, InterruptClear = 0x308;
        private const long Mode = 0x504, BitMode = 0x508, Prescaler = 0x510, Compares = 0x540;
    }
}
